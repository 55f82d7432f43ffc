//! What comes back.

use serde::{Deserialize, Serialize};
use usher_api::{
    List,
    account::{Account, ExtensionSchema, IndexedAttribute, IssuedToken, Record, RoleGrant, Token},
    app::{App, Attribute, Cycle, Discovery, FilterGroup, Link, Status, Template},
    directory::{Directory, Member, Membership, Preview, Run, Source, Test},
    explain::Explanation,
    guard::{Held, Released},
    mapping::{Cases, Export, Import},
    people::{PeopleImport, Person, PersonExplanation, Unit, UnitImport},
    plan::{Impact, Plan},
    rule::{Rule, RuleChange, Rules},
    trail::Entry,
};

/// An answer: each variant is one documented shape. `--json` prints what is inside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "value", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one is made a request and printed; none are kept in bulk")]
#[allow(missing_docs, reason = "each is named by the shape it holds")]
pub enum Answer {
    Account(Account),
    Accounts(List<Account>),
    Extensions(List<ExtensionSchema>),
    Indexed(List<IndexedAttribute>),
    Token(Token),
    Tokens(List<Token>),
    IssuedToken(IssuedToken),
    Record(Box<RecordDetail>),
    Records(List<Record>),
    Trail(List<Entry>),
    Held(List<Held>),
    Released(Released),
    Person(Box<Person>),
    People(List<Person>),
    PersonExplanation(Box<PersonExplanation>),
    PeopleImport(PeopleImport),
    Rule(Rule),
    Rules(Rules),
    RuleChange(RuleChange),
    Unit(Unit),
    Units(List<Unit>),
    UnitImport(UnitImport),
    Role(RoleGrant),
    Roles(List<RoleGrant>),
    Directory(Directory),
    Directories(List<Directory>),
    Objects(List<serde_json::Value>),
    Object(serde_json::Value),
    Members(List<Member>),
    Membership(Membership),
    Source(Source),
    Sources(List<Source>),
    Run(Run),
    Runs(List<Run>),
    Preview(Preview),
    Test(Test),
    Template(Template),
    Templates(List<Template>),
    App(App),
    Apps(List<App>),
    Cycle(Cycle),
    Link(Box<Link>),
    Status(Status),
    Statuses(List<Status>),
    Plan(Plan),
    Impact(Impact),
    Attributes(List<Attribute>),
    Discovery(Discovery),
    Filters(List<FilterGroup>),
    Explanation(Box<Explanation>),
    Explanations(List<Explanation>),
    /// Entra's `provisioningObjectSummary` each.
    Log(List<serde_json::Value>),
    MappingImport(Import),
    MappingExport(Export),
    MappingCases(Cases),
    /// TOML text.
    Text(String),
    /// Done; a sentence about it.
    Said(Said),
}

impl Answer {
    /// The JSON of `--json`: the shape itself, without the name of the variant.
    ///
    /// # Errors
    /// None that can happen with these types; the caller prints it.
    pub fn to_json(&self) -> Result<serde_json::Value, serde_json::Error> {
        Ok(match serde_json::to_value(self)? {
            serde_json::Value::Object(mut object) => object.remove("value").unwrap_or_default(),
            other => other,
        })
    }
}

/// A sentence about what was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// The sentence.
    pub message: String,
}

/// A record with its last execution and the last that did not end in order, each with every expression's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordDetail {
    /// The record.
    #[serde(flatten)]
    pub record: Record,
    /// The SCIM resource as stored.
    pub resource: serde_json::Value,
    /// The last execution's rules.
    pub execution: serde_json::Value,
    /// The last that failed.
    pub failed: serde_json::Value,
    /// The last writes about it that a client sent.
    pub trail: Vec<Entry>,
}
