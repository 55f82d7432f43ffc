//! What is announced, and that it is true.

use serde_json::json;

use crate::world::{ENTERPRISE, filter, with};

#[test]
fn the_configuration_says_what_holds() {
    for (profile, sort, etag, most) in
        [("standard", true, true, 1000), ("4me", false, false, 25), ("elium", false, false, 200)]
    {
        with(profile, async |w| {
            let config = w.get("/ServiceProviderConfig").await.expect(200).body;
            assert_eq!(config["patch"], json!({"supported": true}));
            let bulk = if sort {
                [json!(true), json!(1000), json!(16_777_216)]
            } else {
                [json!(false), json!(0), json!(0)]
            };
            let announced = &config["bulk"];
            let said = ["supported", "maxOperations", "maxPayloadSize"].map(|name| announced[name].clone());
            assert_eq!(said, bulk);
            match sort {
                true => w.post("/Bulk", json!({})).await.refused(400, Some("invalidSyntax")),
                false => w.post("/Bulk", json!({})).await.refused(501, None),
            };
            assert_eq!(config["filter"], json!({"supported": true, "maxResults": most}));
            assert_eq!(config["sort"]["supported"], json!(sort));
            assert_eq!(config["etag"]["supported"], json!(etag));
            assert_eq!(config["changePassword"]["supported"], json!(false));
            let pagination = &config["pagination"];
            assert_eq!(pagination["maxPageSize"], json!(most));
            assert_eq!((&pagination["cursor"], &pagination["index"]), (&json!(true), &json!(true)));
            assert_eq!(pagination["defaultPaginationMethod"], json!("index"));
            assert_eq!(pagination["cursorTimeout"], json!(600));
        });
    }
}

#[test]
fn types_and_schemas_are_listed_and_found_alone() {
    with("standard", async |w| {
        let types = w.get("/ResourceTypes").await.expect(200).body;
        assert_eq!(types["totalResults"], json!(2));
        for kind in &types["Resources"].as_array().unwrap()[..] {
            let name = kind["name"].as_str().unwrap();
            assert_eq!(&w.get(&format!("/ResourceTypes/{name}")).await.expect(200).body, kind);
            w.get(&format!("/Schemas/{}", kind["schema"].as_str().unwrap())).await.expect(200);
        }
        w.get("/ResourceTypes/user").await.refused(404, None);
        let schemas = w.get("/Schemas").await.expect(200).body;
        assert_eq!((&schemas["totalResults"], &schemas["itemsPerPage"]), (&json!(3), &json!(3)));
        let encoded = ENTERPRISE.to_uppercase().replace(':', "%3A");
        let one = w.get(&format!("/Schemas/{encoded}")).await.expect(200).body;
        assert_eq!(one["id"], json!(ENTERPRISE));
        assert_eq!(
            one["meta"]["location"],
            json!(format!("http://scim.example.com/scim/v2/Schemas/{ENTERPRISE}"))
        );
        w.get("/Schemas/urn:nope").await.refused(404, None);
        for endpoint in ["ServiceProviderConfig", "Schemas", "ResourceTypes"] {
            w.get(&format!("/{endpoint}?{}", filter("id eq \"x\""))).await.refused(403, None);
            w.post(&format!("/{endpoint}"), json!({})).await.refused(405, None);
        }
    });
    with("4me", async |w| {
        let user = w.get(&format!("/Schemas/{ENTERPRISE}")).await.expect(200).body.to_string();
        assert!(user.contains("\"site\"") && user.contains("\"supportID\""));
    });
}
