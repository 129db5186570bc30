//! What cases came to as JUnit XML: a suite for each rule file, a test case for each case and each rule.
//!
//! A rule that lacks a case is skipped, or fails where that is denied; no times are written, so that equal runs
//! give equal bytes.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{Suite, Uncovered};

/// The document.
pub(super) fn write(suites: &[Suite], deny_uncovered: bool) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("testsuites").with_attribute(("name", "weir test")).write_inner_content(
        |writer| suites.iter().try_for_each(|suite| write_suite(writer, suite, deny_uncovered)),
    )?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn write_suite(writer: &mut Writer<Vec<u8>>, suite: &Suite, deny_uncovered: bool) -> io::Result<()> {
    let uncovered = suite.uncovered.len();
    let (denied, skipped) = if deny_uncovered { (uncovered, 0) } else { (0, uncovered) };
    let errors = usize::from(suite.error.is_some());
    let counts = [
        ("tests", suite.reports.len() + uncovered + errors),
        ("failures", suite.failed() + denied),
        ("errors", errors),
        ("skipped", skipped),
    ]
    .map(|(name, count)| (name, count.to_string()));
    let element = writer.create_element("testsuite").with_attribute(("name", clean(&suite.name).as_str()));
    let element = element.with_attributes(counts.iter().map(|(name, count)| (*name, count.as_str())));
    element.write_inner_content(|writer| {
        if let Some(why) = &suite.error {
            let first = why.lines().next().unwrap_or_default();
            write_case(writer, &suite.name, "all cases", Some(("error", first.to_owned(), why.clone())))?;
        }
        for report in &suite.reports {
            write_case(
                writer,
                &suite.name,
                &report.name,
                report.failures.first().map(|first| ("failure", first.clone(), report.failures.join("\n"))),
            )?;
        }
        for Uncovered { rule, missing } in &suite.uncovered {
            let how = if deny_uncovered { "failure" } else { "skipped" };
            let said = format!("no case {missing}");
            write_case(writer, &suite.name, &format!("rule {rule}"), Some((how, said, String::new())))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// A case, and where it did not go well the element that says so: its name, its message and its text.
fn write_case(
    writer: &mut Writer<Vec<u8>>,
    suite: &str,
    name: &str,
    said: Option<(&str, String, String)>,
) -> io::Result<()> {
    let (suite, name) = (clean(suite), clean(name));
    let case = writer
        .create_element("testcase")
        .with_attributes([("classname", suite.as_str()), ("name", name.as_str())]);
    let Some((how, message, text)) = said else {
        case.write_empty()?;
        return Ok(());
    };
    case.write_inner_content(|writer| {
        let message = clean(&message);
        let element = writer.create_element(how).with_attribute(("message", message.as_str()));
        if text.is_empty() {
            element.write_empty()?;
        } else {
            element.write_text_content(BytesText::new(&clean(&text)))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// What XML can't hold, even escaped, is left out.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|&c| matches!(c, '\t' | '\n') || c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_that_could_not_be_run_is_an_error() {
        let error = Some("it has no <cases>\nat line 1".to_owned());
        let suites = [Suite {
            name: "a.toml".to_owned(),
            reports: Vec::new(),
            uncovered: Vec::new(),
            warnings: Vec::new(),
            error,
        }];
        let written = write(&suites, false).unwrap();
        let counts = "tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\"";
        let said = "<error message=\"it has no &lt;cases&gt;\">it has no &lt;cases&gt;\nat line 1</error>";
        assert!(written.contains(counts) && written.contains(said), "{written}");
    }

    #[test]
    fn whatever_a_case_is_called_the_document_is_xml() {
        let suites = [Suite {
            name: "a & b.toml".to_owned(),
            reports: Vec::new(),
            uncovered: vec![Uncovered { rule: "<\"đ\"\u{1}>".to_owned(), missing: "fires it" }],
            warnings: Vec::new(),
            error: None,
        }];
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"weir test\">\n  \
            <testsuite name=\"a &amp; b.toml\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\">\n    \
            <testcase classname=\"a &amp; b.toml\" name=\"rule &lt;&quot;đ&quot;&gt;\">\n      \
            <skipped message=\"no case fires it\"/>\n    </testcase>\n  </testsuite>\n</testsuites>\n";
        assert_eq!(write(&suites, false).unwrap(), expected);
        assert!(write(&suites, true).unwrap().contains("<failure message=\"no case fires it\"/>"));
    }
}
