//! Somebody else's server as the app: scim2-server of PyPI, which keeps everything in memory.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
};

use crate::{
    http, ldif,
    place::{Place, given, until},
    proxy::Proxy,
};

struct Theirs(Child);

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start() -> (Theirs, SocketAddr) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = Command::new(given("USHER_TEST_SCIM2_SERVER"))
        .args(["--port", &address.port().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let theirs = Theirs(child);
    until("scim2-server", || http::send(address, "GET", "/v2/ServiceProviderConfig", "x", "").is_ok());
    (theirs, address)
}

fn total(address: SocketAddr, path: &str) -> u64 {
    http::send(address, "GET", path, "x", "").unwrap().json()["totalResults"].as_u64().unwrap()
}

#[test]
fn example_ldif_into_scim2_server() {
    let file = given("USHER_TEST_EXAMPLE_LDIF");
    let company = ldif::company(&std::fs::read_to_string(&file).unwrap());
    for place in Place::both() {
        let (_theirs, address) = start();
        let proxy = Proxy::before(address);
        place.directory(&file);
        place.app("theirs", "scim", &format!("http://{}/v2", proxy.address), "a-token");
        place.ok(&["app", "test", "theirs"]);
        place.ok(&["app", "scope", "theirs", "all"]);
        let cycle = place.json(&["app", "sync", "theirs"]);
        assert_eq!(
            (cycle["counts"]["create"].as_u64(), cycle["counts"]["failed"].as_u64()),
            (Some(155), Some(0))
        );
        assert_eq!((total(address, "/v2/Users"), total(address, "/v2/Groups")), (150, 5));

        let groups = http::send(address, "GET", "/v2/Groups?count=100", "x", "").unwrap().json();
        let members: usize = groups["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| {
                let members = group["members"].as_array().map_or(0, Vec::len);
                assert_eq!(members, company.groups[group["displayName"].as_str().unwrap()].len());
                members
            })
            .sum();
        assert_eq!(members, 11);
        let managed =
            "/v2/Users?filter=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value%20pr";
        assert_eq!(total(address, managed), 149);

        let before = proxy.counted();
        let cycle = place.json(&["app", "sync", "theirs"]);
        assert_eq!(cycle["counts"]["failed"], 0);
        assert_eq!(proxy.counted().1, before.1, "the second sync wrote something");
    }
}
