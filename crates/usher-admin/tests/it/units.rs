//! Organizations and sites: lists, and imports of which all rows count or none.

use serde_json::{Value, json};
use usher_admin::{
    AdminError, Request,
    request::{Account, Unit, UnitAct},
};
use usher_sources::sheet::{Row, Sheet};

use crate::{House, both};

fn account(house: &House) {
    house.ask(Request::Account(Account::Create { name: "acme".into(), profile: "4me".into() })).unwrap();
}

fn ask(house: &House, kind: &str, act: UnitAct) -> Result<Value, AdminError> {
    let unit = Unit { kind: kind.into(), account: "acme".into(), environment: "production".into(), act };
    house.ask(Request::Unit(unit)).map(|answer| answer.to_json().unwrap())
}

fn sheet(header: &[&str], rows: &[&[&str]]) -> Sheet {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let rows = rows.iter().zip(2..).map(|(cells, line)| Row { line, cells: texts(cells) });
    Sheet { header: texts(header), rows: rows.collect() }
}

fn import(house: &House, sheet: Sheet, dry_run: bool) -> Result<Value, AdminError> {
    ask(house, "organization", UnitAct::Import { sheet, dry_run })
}

fn list(house: &House, name: Option<&str>, disabled: Option<bool>) -> Vec<(String, bool)> {
    let act = UnitAct::List { name: name.map(str::to_owned), disabled, after: None, limit: None };
    let list = ask(house, "organization", act).unwrap();
    let item = |it: &Value| (it["name"].as_str().unwrap().to_owned(), it["disabled"] == true);
    list["items"].as_array().unwrap().iter().map(item).collect()
}

#[test]
fn an_import_makes_and_switches_what_its_rows_say_and_again_nothing() {
    both(|house| {
        account(house);
        for name in ["Sales", "Closed"] {
            ask(house, "organization", UnitAct::Create { name: name.into() }).unwrap();
        }
        ask(house, "organization", UnitAct::Disable { name: "closed".into() }).unwrap();
        let file = || {
            sheet(
                &["Disabled", "NAME"],
                &[&["", "sales"], &["no", "CLOSED"], &["yes", "Old"], &["", "Büro"], &["1", "Sales EU"]],
            )
        };
        let would = import(house, file(), true).unwrap();
        assert_eq!((&would["dry_run"], &would["created"]), (&json!(true), &json!(3)));
        assert_eq!(list(house, None, None).len(), 2, "a dry run writes nothing");
        let did = import(house, file(), false).unwrap();
        assert_eq!(did["changes"], would["changes"]);
        assert_eq!(
            did["changes"],
            json!([
                {"line": 3, "name": "CLOSED", "action": "enable"},
                {"line": 4, "name": "Old", "action": "create_disabled"},
                {"line": 5, "name": "Büro", "action": "create"},
                {"line": 6, "name": "Sales EU", "action": "create_disabled"}
            ])
        );
        assert_eq!((&did["enabled"], &did["disabled"], &did["unchanged"]), (&json!(1), &json!(0), &json!(1)));
        let names = |pairs: Vec<(String, bool)>| pairs.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(list(house, None, Some(false))), ["Sales", "Closed", "Büro"]);
        assert_eq!(names(list(house, None, Some(true))), ["Old", "Sales EU"]);
        assert_eq!(list(house, Some(" BÜRO "), None), [("Büro".to_owned(), false)]);
        assert_eq!(list(house, Some("Büro"), Some(true)), []);
        let again = import(house, file(), false).unwrap();
        assert_eq!((&again["changes"], &again["unchanged"]), (&json!([]), &json!(5)));
        let noted = house.audit().into_iter().filter(|(_, what, _)| what == "organization.import").count();
        assert_eq!(noted, 1, "what changed nothing is not noted");
    });
}

#[test]
fn a_file_with_faults_is_refused_whole_and_says_where() {
    both(|house| {
        account(house);
        let wrong = sheet(
            &["name", "disabled"],
            &[&["Sales", ""], &["", "no"], &["SALES", ""], &["Buyers", "perhaps"], &[&"x".repeat(129), ""]],
        );
        let said = import(house, wrong, false).unwrap_err().to_string();
        for part in [
            "line 3: there is no name",
            "line 4: \"SALES\" is in line 2",
            "line 5: disabled is",
            "line 6: the name has 129",
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(list(house, None, None), []);
        let said = import(house, sheet(&["title"], &[&["Sales"]]), false).unwrap_err();
        assert!(said.to_string().contains("no column name; it has: title"), "{said}");
        let said = import(house, sheet(&["name", "manager"], &[&["Sales", "Ann"]]), false).unwrap_err();
        assert!(said.to_string().contains("the column manager means nothing here"), "{said}");
        let many = Sheet {
            header: vec!["name".into()],
            rows: vec![Row { line: 2, cells: vec!["A".into()] }; 10_001],
        };
        assert_eq!(import(house, many, false).unwrap_err().0.code, "invalid_file");
    });
}

#[test]
fn one_is_shown_by_id_or_name_and_a_missing_one_is_told() {
    both(|house| {
        account(house);
        let made = ask(house, "site", UnitAct::Create { name: "Delft".into() }).unwrap();
        let id = made["id"].as_str().unwrap();
        for name in [id, "delft"] {
            assert_eq!(ask(house, "site", UnitAct::Show { name: name.into() }).unwrap(), made);
        }
        let missing = ask(house, "organization", UnitAct::Show { name: id.into() }).unwrap_err();
        assert_eq!(missing.0.code, "organization_not_found");
    });
}
