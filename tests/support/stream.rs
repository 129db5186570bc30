//! The manifest of a stream that `weir generate` wrote beside it.

pub const MANIFEST: &str = r#"
[dataset]
name = "stream"
about = "a generated stream"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[tables.stream]
files = ["stream.ndjson"]
format = "events"
[[events]]
from = "stream"
"#;
