//! What is sent, and what is made of good answers of all kinds.

use serde_json::json;
use usher_client::{Change, ClientError, Endpoint};

use crate::app::{App, answer, client, list, object, path, scim};

#[tokio::test]
async fn find_escapes_the_value_and_leaves_members_out() {
    let app = App::start(|seen| {
        if seen.target.contains("/Groups") {
            list(&[])
        } else {
            list(&[json!({"id": 7, "userName": "A\"+b@x"})])
        }
    })
    .await;
    let found = client(app.url("/scim/v2/?flag=1"))
        .find(Endpoint::Users, &path("userName"), "a\"+b@x")
        .await
        .unwrap();
    assert_eq!(found[0]["id"], "7");
    app.client().find(Endpoint::Groups, &path("displayName"), "Sales").await.unwrap();
    let seen = app.seen();
    assert_eq!(seen[0].target, "/scim/v2/Users?flag=1&filter=userName%20eq%20%22a%5C%22%2Bb%40x%22");
    assert_eq!(seen[0].authorization.as_deref(), Some("Bearer secret"));
    assert_eq!(
        seen[1].target,
        "/scim/v2/Groups?filter=displayName%20eq%20%22Sales%22&excludedAttributes=members"
    );
}

#[tokio::test]
async fn a_hit_with_another_value_is_refused_not_linked() {
    let app = App::start(|_| list(&[json!({"id": "1", "userName": "somebody.else@x"})])).await;
    let error = app.client().find(Endpoint::Users, &path("userName"), "ann@x").await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 200, .. }), "{error}");
    // What the app doesn't show can't be judged.
    let hidden = app.client().find(Endpoint::Users, &path("externalId"), "e1").await.unwrap();
    assert_eq!(hidden.len(), 1);
}

#[tokio::test]
async fn the_work_address_must_be_the_one_asked_for() {
    let app = App::start(|_| {
        list(&[json!({"id": "1", "emails": [{"type": "home", "value": "ann@x"}, {"type": "work", "value": "w@x"}]})])
    })
    .await;
    let by = path("emails[type eq \"work\"].value");
    assert!(app.client().find(Endpoint::Users, &by, "ann@x").await.is_err());
    assert_eq!(app.client().find(Endpoint::Users, &by, "W@x").await.unwrap().len(), 1);
}

#[tokio::test]
async fn create_takes_an_id_from_body_or_location() {
    let app = App::start(|seen| {
        if seen.body["userName"] == "bare" {
            let mut bare = answer(201, "text/plain", "");
            bare.headers_mut().insert("location", "https://app/scim/v2/Users/a%2042".parse().unwrap());
            return bare;
        }
        scim(200, &json!({"id": 42, "userName": "ann"}))
    })
    .await;
    let client = app.client();
    assert_eq!(
        client.create(Endpoint::Users, &object(json!({"userName": "ann"}))).await.unwrap()["id"],
        "42"
    );
    assert_eq!(
        client.create(Endpoint::Users, &object(json!({"userName": "bare"}))).await.unwrap()["id"],
        "a 42"
    );
    let error = client.create(Endpoint::Groups, &object(json!({"userName": "bare"}))).await.unwrap_err();
    assert!(matches!(error, ClientError::NotScim(_)), "{error}");
    assert_eq!(client.sent(), (3, 3));
}

#[tokio::test]
async fn update_is_one_operation_an_attribute_and_takes_any_success() {
    let app = App::start(|seen| match seen.target.rsplit('/').next() {
        Some("a") => answer(204, "text/plain", ""),
        Some("b") => scim(200, &json!({"id": "b", "title": "T"})),
        Some("c") => answer(200, "application/json", "{}"),
        _ => answer(200, "text/html", "<html>"),
    })
    .await;
    let changes = [
        Change { path: path("title"), value: Some(json!("T")), there: true, new_entry: false },
        Change {
            path: path("emails[type eq \"work\"].value"),
            value: Some(json!("a@x")),
            there: false,
            new_entry: false,
        },
        Change { path: path("nickName"), value: None, there: true, new_entry: false },
    ];
    let client = app.client();
    assert_eq!(client.update(Endpoint::Users, "a", &changes).await.unwrap(), None);
    assert_eq!(client.update(Endpoint::Users, "b", &changes).await.unwrap().unwrap()["title"], "T");
    assert_eq!(client.update(Endpoint::Users, "c", &changes).await.unwrap(), None);
    assert!(matches!(client.update(Endpoint::Users, "d", &changes).await, Err(ClientError::NotScim(_))));
    assert_eq!(client.update(Endpoint::Users, "a", &[]).await.unwrap(), None);
    let seen = app.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(
        seen[0].body,
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
            {"op": "replace", "path": "title", "value": "T"},
            {"op": "add", "path": "emails[type eq \"work\"].value", "value": "a@x"},
            {"op": "remove", "path": "nickName"},
        ]})
    );
}

#[tokio::test]
async fn get_delete_and_page_say_what_is_there() {
    let app = App::start(|seen| match (&*seen.method, seen.target.split('?').next().unwrap()) {
        ("GET", "/scim/v2/Users") => {
            scim(200, &json!({"totalResults": 3, "startIndex": 2, "Resources": [{"id": "b"}, {"id": "c"}]}))
        }
        (_, "/scim/v2/Groups/g") => scim(200, &json!({"id": "g"})),
        _ => scim(404, &json!({"status": "404", "detail": "gone"})),
    })
    .await;
    let client = app.client();
    assert_eq!(client.get(Endpoint::Users, "x").await.unwrap(), None);
    assert!(client.get(Endpoint::Groups, "g").await.unwrap().is_some());
    client.delete(Endpoint::Users, "x").await.unwrap();
    let page = client.page(Endpoint::Users, 2, 100).await.unwrap();
    assert_eq!((page.total, page.start, page.resources.len()), (3, 2, 2));
    let targets: Vec<String> = app.seen().into_iter().map(|s| s.target).collect();
    assert_eq!(targets[1], "/scim/v2/Groups/g?excludedAttributes=members");
    assert_eq!(targets[3], "/scim/v2/Users?startIndex=2&count=100");
    assert_eq!(
        client
            .update(
                Endpoint::Users,
                "x",
                &[Change { path: path("a"), value: None, there: true, new_entry: false }]
            )
            .await,
        Err(ClientError::Gone)
    );
}

#[tokio::test]
async fn no_id_of_an_app_reaches_another_path() {
    let app = App::start(|_| answer(204, "text/plain", "")).await;
    for id in ["..", ".", "", " "] {
        assert!(
            matches!(app.client().delete(Endpoint::Users, id).await, Err(ClientError::NotScim(_))),
            "{id:?}"
        );
    }
    app.client().delete(Endpoint::Users, "../Groups/x?y#z").await.unwrap();
    let seen = app.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].target, "/scim/v2/Users/..%2FGroups%2Fx%3Fy%23z");
}

#[tokio::test]
async fn members_go_in_blocks() {
    let app = App::start(|_| answer(204, "text/plain", "")).await;
    let ids = |n: usize| (0..n).map(|i| format!("u{i}")).collect::<Vec<_>>();
    app.client().members("g", &ids(150), &ids(2)).await.unwrap();
    let sizes: Vec<usize> =
        app.seen().iter().map(|s| s.body["Operations"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [2, 1, 1]);
    app.client().members("g", &[], &[]).await.unwrap();
    assert_eq!(app.seen().len(), 3);
}
