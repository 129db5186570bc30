//! What can be asked, as a document for programs and as a page for people. Open to everybody, and the same for all.

use std::sync::OnceLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::super::interface;

/// The OpenAPI document.
pub(super) async fn document() -> Response {
    static DOCUMENT: OnceLock<Vec<u8>> = OnceLock::new();
    // No map here has keys that are no texts, and nothing else can fail.
    let document = DOCUMENT.get_or_init(|| serde_json::to_vec(&interface::openapi(None)).unwrap_or_default());
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], document.as_slice())
        .into_response()
}

/// The page.
pub(super) async fn page() -> Response {
    static PAGE: OnceLock<String> = OnceLock::new();
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(interface::POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, PAGE.get_or_init(interface::page).as_str()).into_response()
}
