//! No password of a file stands anywhere afterwards.
use usher_store::StoreUrl;

use super::*;

/// Everything in the folder of a SQLite store.
fn bytes_of(house: &House) -> Vec<u8> {
    let StoreUrl::Sqlite(folder) = house.store.url() else { return Vec::new() };
    let files = std::fs::read_dir(folder).unwrap();
    files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn no_password_of_an_ldif_file_is_kept() {
    both(SourceKind::Ldif, |house| {
        let report = house.import(include_str!("firm.ldif"));
        let bytes = bytes_of(house);
        assert!(house.store.is_postgres() || holds(&bytes, "Lovelace"), "the scan finds what is there");
        for secret in ["oPensesame", "b1BlbnNlc2FtZS", "0CB6948805F797BF2A82807973B89537", "-folded"] {
            assert!(!holds(&bytes, secret), "{secret}");
            assert!(!format!("{report:?}").contains(secret), "{secret}");
        }
    });
}

#[test]
fn no_password_of_a_csv_file_is_kept() {
    both(SourceKind::Csv, |house| {
        house.import("mail,password,Initial Password,unicodePwd\na@x,oPensesame1,oPensesame2,oPensesame3\n");
        assert!(!holds(&bytes_of(house), "oPensesame"));
        assert_eq!(house.doc("a@x").get(OPEN), None);
    });
}
