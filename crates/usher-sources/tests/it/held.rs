//! What a source holds, nobody else changes.
use usher_directory::{
    config::DirectoryConfig,
    guard::{Guard, Intent},
};
use usher_scim::{AttributePath, resource};
use usher_sources::held::{SourcesFirst, holders};

use super::*;

impl House {
    fn config(&self) -> std::sync::Arc<DirectoryConfig> {
        let directory = self.directory;
        self.read(move |on| Configs::default().get(on, directory)).expect("a directory")
    }

    /// What is said to somebody who wants to write this attribute.
    fn writing(&self, was: &Stored, path: &str, value: Value) -> Option<String> {
        let config = self.config();
        let mut doc = was.object().unwrap();
        let path = AttributePath::parse(path).unwrap();
        resource::write(config.resource_type(was.kind), &mut doc, &path, value).unwrap();
        let was = was.clone();
        self.read(move |on| SourcesFirst.refuses(on, &config, &was, Intent::Write(&doc)))
    }

    fn meaning(&self, was: &Stored, intent: Intent<'static>) -> Option<String> {
        let (config, was) = (self.config(), was.clone());
        self.read(move |on| SourcesFirst.refuses(on, &config, &was, intent))
    }
}

#[test]
fn mapped_attributes_and_present_objects_are_the_sources() {
    both(SourceKind::Ldif, |house| {
        house.import(staff(0..4) + &team("Team", 0..3));
        let anna = house.user("p1@x.example");
        let told = house.writing(&anna, "title", "Boss".into()).expect("refused");
        assert!(told.contains("title of p1@x.example is written by the source hr"), "{told}");
        assert!(house.writing(&anna, "active", false.into()).is_some());
        let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value";
        assert!(house.writing(&anna, manager, "somebody".into()).is_some());
        // The same value again is no change, and what no entry writes is free.
        assert_eq!(house.writing(&anna, "name.familyName", "1".into()), None);
        assert_eq!(house.writing(&anna, "nickName", "Annie".into()), None);
        assert!(house.meaning(&anna, Intent::Delete).is_some());
        assert_eq!(house.meaning(&anna, Intent::Restore), None);
        let team = house.all(Kind::Group).remove("Team").unwrap();
        assert!(house.meaning(&team, Intent::Members).is_some_and(|told| told.contains("members of Team")));

        // Gone from the source: not restored by hand, but removed if somebody wishes.
        house.import(staff([0, 1, 3]));
        let gone = house.user("p2@x.example");
        assert!(
            house
                .meaning(&gone, Intent::Restore)
                .is_some_and(|told| told.contains("gone from the source hr"))
        );
        assert_eq!(house.meaning(&gone, Intent::Delete), None);
        let (directory, key) = (house.directory, gone.key);
        assert!(!house.read(move |on| holders(on, directory, key))[0].present);

        let id = house.source.id;
        house.write(move |tx| source::remove(tx, id));
        assert_eq!(house.writing(&house.user("p1@x.example"), "title", "Boss".into()), None);
    });
}

#[test]
fn a_csv_holds_the_attributes_of_its_columns_alone() {
    both(SourceKind::Csv, |house| {
        house.import("userName,title\nann@x,Clerk\nbob@x,\n");
        let bob = house.user("bob@x");
        assert!(house.writing(&bob, "title", "Boss".into()).is_some(), "an empty cell is a word too");
        assert_eq!(house.writing(&bob, "active", false.into()), None);
        // Another column, another attribute; one that went is free from then on.
        house.import("userName,nickName\nann@x,A\nbob@x,B\n");
        let bob = house.user("bob@x");
        assert_eq!(house.writing(&bob, "title", "Boss".into()), None);
        assert!(house.writing(&bob, "nickName", "Bobby".into()).is_some());
    });
}
