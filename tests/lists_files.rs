//! The files of lists: what they may say, and what is told where they say something else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails stops")]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use weir::io::load_lists;
use weir::lists::{Listing, Lists};
use weir::rules::{RuleSet, compile};
use weir::time::parse_time;

fn rules(list: &str) -> RuleSet {
    let text = format!(
        "[ruleset]\nname = \"t\"\ncurrency = \"VND\"\ntime_zone = \"Asia/Ho_Chi_Minh\"\n[fields]\nshop = \"text\"\n\
         [lists]\nl = {list}\n[[rule]]\nid = \"r\"\nwhen = \"payee in l\"\nthen = \"alert\"\n"
    );
    compile("t.toml", &text).into_result().unwrap()
}

/// Loads a list whose file has this name and content, or says what is wrong, without the folder.
fn load(name: &str, key: &str, content: &[u8]) -> Result<Lists, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lists")).unwrap();
    std::fs::write(folder.path().join("lists").join(name), content).unwrap();
    let set = rules(&format!("{{ file = \"lists/{name}\", key = \"{key}\" }}"));
    load_lists(&set, folder.path())
        .map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

fn packed(content: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

const CSV: &str = "\u{feff}# from the bank\n\nkey,expires,level,note\r\n\
    a,2026-12-31,3,\"two, or three accounts\"\n# gone: b\n c ,2026-12-31T00:00:00Z,-1,\n\"#d\",2026-12-31T07:00:00,,\n\"a,b\",,,x\na,2026-12-31,3,\"two, or three accounts\"\n";

#[test]
fn a_csv_says_expiry_level_and_note() {
    for (name, content) in [("x.csv", CSV.as_bytes().to_vec()), ("X.CSV.GZ", packed(CSV))] {
        let lists = load(name, "payee", &content).unwrap();
        let list = lists.get(0).unwrap();
        let time = |text: &str| parse_time(text).ok();
        assert_eq!(list.len(), 4);
        let a = Listing {
            expires_us: time("2026-12-30T17:00:00Z"),
            level: Some(3),
            note: Some("two, or three accounts"),
        };
        assert_eq!(list.find(None, "a", 0), Some(a), "a date begins in the rule set's time zone");
        assert_eq!(list.find(Some("t"), "a", 0), Some(a), "a file is for all tenants");
        let c = Listing { expires_us: time("2026-12-31T00:00:00Z"), level: Some(-1), note: None };
        assert_eq!(list.find(None, "c", 0), Some(c));
        assert_eq!(list.find(None, "#d", 0), Some(Listing { level: None, ..c }), "a time is the zone's too");
        assert_eq!(list.find(None, "a,b", 0).and_then(|listing| listing.note), Some("x"));
    }
}

#[test]
fn a_text_file_holds_one_key_a_line() {
    let lists = load("x.txt", "shop", "# ours\nPhở Hà Nội\r\n\n  b,c \nb,c\n#\nlast".as_bytes()).unwrap();
    let list = lists.get(0).unwrap();
    assert_eq!(list.len(), 3);
    for key in ["Phở Hà Nội", "b,c", "last"] {
        assert_eq!(list.find(None, key, 0), Some(Listing::default()), "{key}");
    }
    assert_eq!(load("x.csv", "shop", b"shop\nb\n").unwrap().get(0).unwrap().len(), 1);
}

#[test]
fn a_list_without_a_file_is_empty() {
    let set = rules("{ key = \"payee\" }");
    assert!(load_lists(&set, std::path::Path::new("/nowhere")).unwrap().get(0).unwrap().is_empty());
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (name, key, content, told) in [
        ("x.tsv", "payee", "a\n", "list `l`: lists/x.tsv: name it .csv"),
        ("x", "payee", "a\n", "list `l`: lists/x: name it .csv"),
        ("x.csv", "payee", "", "lists/x.csv:1: the file is empty; a CSV needs a header"),
        ("x.csv", "payee", "# all gone\n", "lists/x.csv:1: the file is empty"),
        (
            "x.csv",
            "payee",
            "a\nb\n",
            "lists/x.csv:1: the column `a` is none of `key`, `payee`, `expires`, `level`, `note`",
        ),
        ("x.csv", "payee", "# who\npayee,expire\n", "lists/x.csv:2: the column `expire` is none of"),
        ("x.csv", "payee", "payee,expire\n", "did you mean `expires`?"),
        (
            "x.csv",
            "payee",
            "note\nx\n",
            "lists/x.csv:1: the header needs one column of keys: `key` or `payee`",
        ),
        ("x.csv", "payee", "key,payee\nx,y\n", "the header needs one column of keys"),
        ("x.csv", "payee", "key,key\nx,y\n", "lists/x.csv:1: the header has the column `key` twice"),
        (
            "x.csv",
            "payee",
            "key,level\na,1\n# b\n\nb\n",
            "lists/x.csv:5: the row has 1 fields and the header 2",
        ),
        (
            "x.csv",
            "payee",
            "key,level\na,high\n",
            "lists/x.csv:2: `level` is `high`; it must be a whole number",
        ),
        ("x.csv", "payee", "key,level\na,1.5\n", "lists/x.csv:2: `level` is `1.5`"),
        ("x.csv", "payee", "key,level\n ,1\n", "lists/x.csv:2: the key is empty"),
        (
            "x.csv",
            "payee",
            "key,expires\na,31/12/2026\n",
            "lists/x.csv:2: `expires`: `31/12/2026` is not a time; write it as 2026-11-22T08:30:00+07:00, or as a date",
        ),
        ("x.csv", "payee", "key,expires\na,2026-02-30\n", "`2026-02-30` is not a time"),
        ("x.csv", "payee", "key,expires\na,1969-01-01\n", "outside the times that an event may have"),
        (
            "x.csv",
            "payee",
            "key,note\na,\"b\nc\"\n",
            "lists/x.csv:2: `note` is `b\\nc`; control characters are not taken",
        ),
        (
            "x.csv",
            "payee",
            "key,level\na,1\nb,1\na,2\n",
            "lists/x.csv:4: the key of this line is there before, with another expiry, level or note",
        ),
        ("x.csv", "payee", "key,note\na,\"b\n", "lists/x.csv:2: a quote is opened and not closed"),
        (
            "x.txt",
            "ip",
            "10.0.0.1\n10.0.0\n",
            "lists/x.txt:2: `ip` is `10.0.0`; it must be an IPv4 or IPv6 address",
        ),
        (
            "x.txt",
            "payee",
            "a\u{1}b\n",
            "lists/x.txt:1: `payee` is a text of 3 bytes that is not shown; control characters",
        ),
        ("x.txt.gz", "payee", "\u{1f}", "lists/x.txt.gz:1: `payee` is a text of 1 bytes"),
    ] {
        let error = load(name, key, content.as_bytes()).unwrap_err();
        assert!(error.contains(told), "{content:?}: `{told}` is not in `{error}`");
    }
    let error = load("x.txt", "payee", b"a\nb\xff\n").unwrap_err();
    assert_eq!(error, "list `l`: lists/x.txt:2: byte 2 is not UTF-8");
    let long = "x".repeat(513);
    assert!(load("x.txt", "payee", long.as_bytes()).unwrap_err().contains("513 bytes long; at most 512"));
    let mut cut = packed("a\nb\nc\n");
    cut.truncate(cut.len() - 9);
    assert!(load("x.txt.gz", "payee", &cut).unwrap_err().contains("cut short"));
    let set = rules("{ file = \"no/such.csv\", key = \"payee\" }");
    let error = load_lists(&set, std::path::Path::new("folder")).unwrap_err().to_string();
    assert!(error.starts_with("list `l`: folder/no/such.csv: can't read it: "), "{error}");
}
