//! Who may ask for what, by route: one table, and what stands before every route.
//!
//! Promises that a route which is not in the table is open to nobody, and that nothing of a body is read before it is known
//! who sends it.

use std::sync::Arc;

use axum::RequestExt;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::super::access::{Scope, Who};
use super::super::connection::Connected;
use super::super::service::Service;
use super::Problem;

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Needs {
    /// Nothing.
    Nobody,
    /// Somebody who may ask for this.
    Scope(Scope),
    /// The same, bound to no tenant: it tells of all of them.
    OfAll(Scope),
}

/// Every route with what it needs. GET is HEAD too.
pub(in super::super) const ROUTES: [(&str, &str, Needs); 21] = [
    ("POST", "/v1/decisions", Needs::Scope(Scope::Score)),
    ("POST", "/v1/decisions:batch", Needs::Scope(Scope::Score)),
    ("POST", "/v1/decisions/{id}/authentication", Needs::Scope(Scope::Score)),
    ("POST", "/v1/events", Needs::Scope(Scope::Events)),
    ("GET", "/v1/decisions/{id}", Needs::Scope(Scope::Read)),
    ("GET", "/v1/decisions/{id}/explanation", Needs::Scope(Scope::Read)),
    ("GET", "/v1/rules", Needs::Scope(Scope::Rules)),
    ("POST", "/v1/rules", Needs::Scope(Scope::Rules)),
    ("DELETE", "/v1/rules/shadow", Needs::Scope(Scope::Rules)),
    ("DELETE", "/v1/rules/warming", Needs::Scope(Scope::Rules)),
    ("POST", "/v1/rules/rollback", Needs::Scope(Scope::Rules)),
    ("GET", "/v1/rules/{hash}", Needs::Scope(Scope::Rules)),
    ("POST", "/v1/rules/{hash}/approvals", Needs::Scope(Scope::Rules)),
    ("POST", "/v1/rules/{hash}/activate", Needs::Scope(Scope::Rules)),
    ("POST", "/v1/rules/{hash}/shadow", Needs::Scope(Scope::Rules)),
    ("GET", "/metrics", Needs::OfAll(Scope::Read)),
    ("GET", "/healthz", Needs::Nobody),
    ("GET", "/readyz", Needs::Nobody),
    ("GET", "/openapi.json", Needs::Nobody),
    ("GET", "/docs", Needs::Nobody),
    ("GET", "/v1/access", Needs::Scope(Scope::Admin)),
];

/// What a request needs, or why there is nothing that it may ask for.
fn needs(method: &Method, path: &str) -> Result<Needs, Problem> {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let mut of_path = ROUTES.iter().filter(|(_, route, _)| *route == path).peekable();
    if of_path.peek().is_none() {
        let detail = "the table of routes does not say who may ask for it";
        return Err(Problem::new(StatusCode::FORBIDDEN, "closed", "This path is open to nobody", detail));
    }
    of_path.find(|(known, ..)| *known == method).map(|(_, _, needs)| *needs).ok_or_else(super::no_method)
}

/// What an operation needs that is there; none where nobody may ask for it.
pub(in super::super) fn needs_of(method: &str, path: &str) -> Option<Needs> {
    needs(&Method::from_bytes(method.as_bytes()).ok()?, path).ok()
}

/// Lets a request through to its route, with who asks.
pub(super) async fn guard(State(service): State<Arc<Service>>, mut request: Request, next: Next) -> Response {
    let most = service.settings.bounds.url_bytes_max;
    if request.uri().path().len() + request.uri().query().map_or(0, str::len) > most {
        let detail = format!("a URL has at most {most} bytes");
        return Problem::new(StatusCode::URI_TOO_LONG, "url-too-long", "The URL is too long", detail)
            .into_response();
    }
    // Of no route here, and routes would each say so in their own way.
    if let Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) =
        request.extract_parts::<RawPathParams>().await
    {
        let detail = "what the path says in `%` and two digits must be UTF-8";
        return Problem::new(StatusCode::BAD_REQUEST, "bad-query", "The request says what it can't", detail)
            .into_response();
    }
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let (scope, of_all) = match needs(request.method(), path) {
        Ok(Needs::Nobody) => return next.run(request).await,
        Ok(Needs::Scope(scope)) => (scope, false),
        Ok(Needs::OfAll(scope)) => (scope, true),
        Err(problem) => return problem.into_response(),
    };
    let who = match who(&service, &request) {
        Ok(who) => who,
        Err(refused) => return refused.into_response(),
    };
    if !who.may(scope) {
        return Refused::Scope(scope).into_response();
    }
    if of_all && who.tenant().is_some() {
        return Refused::Tenant.into_response();
    }
    request.extensions_mut().insert(who);
    next.run(request).await
}

/// Why a request is not let through.
pub(in super::super) enum Refused {
    /// It says nothing of who sends it.
    Unknown,
    /// It has a token that nobody has.
    Token,
    /// A web page sends it.
    Page,
    /// Whoever sends it lacks this scope.
    Scope(Scope),
    /// Whoever sends it is bound to a tenant.
    Tenant,
}

impl Refused {
    pub(in super::super) fn problem(&self) -> Problem {
        let unknown = |detail: &str| {
            Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "It is not known who asks", detail)
        };
        match self {
            Self::Unknown => unknown(
                "send `Authorization: Bearer` and a token, or ask as a caller that the access file names",
            ),
            Self::Token => unknown("the access file has no such token"),
            Self::Page => {
                let detail = "web pages may not ask where everybody on this machine may; give callers tokens";
                Problem::new(StatusCode::FORBIDDEN, "web-page", "A web page asks", detail)
            }
            Self::Tenant => {
                let detail = "it tells of all tenants, and whoever asks is bound to one";
                Problem::new(StatusCode::FORBIDDEN, "scope", "A scope is missing", detail)
            }
            Self::Scope(scope) => {
                let detail = format!("whoever asks for this needs the scope `{}`", scope.name());
                Problem::new(StatusCode::FORBIDDEN, "scope", "A scope is missing", detail)
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.problem().into_response();
        let challenge = match self {
            Self::Unknown => "Bearer realm=\"weir\"".to_owned(),
            Self::Token => "Bearer realm=\"weir\", error=\"invalid_token\"".to_owned(),
            Self::Page | Self::Tenant => return response,
            Self::Scope(scope) => {
                let scope = scope.name();
                format!("Bearer realm=\"weir\", error=\"insufficient_scope\", scope=\"{scope}\"")
            }
        };
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Who asks: whoever has the token, and where there is none whoever the connection is known to be of.
fn who(service: &Service, request: &Request) -> Result<Who, Refused> {
    if let Some(said) = request.headers().get(header::AUTHORIZATION) {
        let token = bearer(said.as_bytes()).ok_or(Refused::Token)?;
        return service.settings.access.of_token(token).ok_or(Refused::Token);
    }
    let connected = request.extensions().get::<Connected>();
    let who = connected.and_then(|connected| connected.who.clone()).ok_or(Refused::Unknown)?;
    // Browsers send this with all that a page posts, and a page is from anywhere.
    if who.is_here() && request.headers().contains_key(header::ORIGIN) {
        return Err(Refused::Page);
    }
    Ok(who)
}

/// The token in the value of `Authorization`.
fn bearer(said: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = said.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_is_not_in_the_table_is_open_to_nobody() {
        let status = |method, path| needs(&method, path).map_err(|problem| problem.status().as_u16());
        assert_eq!(status(Method::POST, "/v1/decisions").unwrap(), Needs::Scope(Scope::Score));
        assert_eq!(status(Method::HEAD, "/healthz").unwrap(), Needs::Nobody);
        assert_eq!(status(Method::DELETE, "/v1/rules/shadow").unwrap(), Needs::Scope(Scope::Rules));
        assert_eq!(status(Method::PUT, "/v1/rules").unwrap_err(), 405);
        assert_eq!(status(Method::POST, "/v1/rules/{hash}/new").unwrap_err(), 403);
        assert_eq!(status(Method::GET, "/v1/decisions").unwrap_err(), 405);
        assert_eq!(status(Method::GET, "/v1/new").unwrap_err(), 403);
        assert_eq!(status(Method::GET, "/v1/rulesets").unwrap_err(), 403);
        assert_eq!(status(Method::GET, "").unwrap_err(), 403);
    }

    #[test]
    fn a_bearer_token_is_what_follows_the_word() {
        for (said, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("BEARER a b", Some("a b")),
            ("Bearer", None),
            ("Basic YTpi", None),
            ("Bearerabc", None),
        ] {
            assert_eq!(bearer(said.as_bytes()), token.map(str::as_bytes), "{said}");
        }
    }
}
