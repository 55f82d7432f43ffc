//! The head of the OpenAPI description; the routes add themselves.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// The name of the way to sign in with an account's API token.
pub(crate) const API_TOKEN: &str = "api_token";

#[derive(OpenApi)]
#[openapi(
    info(title = "Usher", description = "What an app reads of its people, organizations and sites."),
    modifiers(&Token)
)]
struct Head;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An account's API token: usher token issue ACCOUNT --api"))
            .build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme(API_TOKEN, SecurityScheme::Http(scheme));
    }
}

/// Everything but the routes.
pub(crate) fn head() -> openapi::OpenApi {
    Head::openapi()
}
