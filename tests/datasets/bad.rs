//! Data sets that are wrong: what is told, and that nothing is taken for something else.

use std::io::Write;
use std::sync::Arc;

use super::datasets::{Folder, read, try_read};
use super::table;

#[test]
fn what_is_wrong_with_a_select_is_told_before_any_row() {
    let folder = Folder::new();
    folder.put("p.csv", "ID,AT,SUM,WHO\n1,5,1.5,a\n");
    for (select, message) in [
        (
            "select ID as id, AT as time_us, SUM as amount from payments",
            "`amount` is of the type Float64; a float does not hold an amount exactly: give its column a type",
        ),
        (
            "select ID as id, AT as time, 1 as amount from payments",
            "`time` is of the type Int64; call microseconds since 1970 `time_us`",
        ),
        (
            "select ID as id, AT as time_us, WHO as amount from payments",
            "`amount` is of the type Utf8; write `cast(... as decimal(18,4)) as amount`",
        ),
        (
            "select ID as id, AT as time_us, SUM as customer, 1 as amount from payments",
            "`customer` is of the type Float64; write `cast(... as varchar) as customer`",
        ),
        ("select ID as id, AT as time_us, WHO as same_owner, 1 as amount from payments", "write a condition"),
        ("select AT as time_us, 1 as amount from payments", "no column is called `id`"),
        ("select ID as id, 1 as amount from payments", "no column is called `time`"),
        ("select ID as id, AT as time_us from payments", "no column is called `amount`"),
        (
            "select ID as id, AT as time_us, AT as time, 1 as amount from payments",
            "`time_us` and `time` say the same",
        ),
        (
            "select id, AT as time_us, 1 as amount from payments",
            "No field named id. Valid fields are payments.\"ID\"",
        ),
        ("select ID as id from paymnts", "table 'paymnts' not found"),
        ("selekt ID", "Expected: an SQL statement"),
        (
            "select ID as id, to_timestamp(WHO) as time, 1 as amount from payments",
            "forgets the zone that a text may say",
        ),
        (
            "select ID as id, try_cast(WHO as timestamp) as time, 1 as amount from payments",
            "forgets the zone that a text may say",
        ),
        ("drop table payments", "DDL not supported"),
    ] {
        let told = folder.refused(&(table("p.csv", "") + &format!("[[events]]\nselect = \"{select}\"")));
        assert!(told.contains(message), "{select}: `{message}` is not in `{told}`");
        assert!(told.contains("t.toml:9:10: the select of [[events]] 1: "), "{told}");
    }
    let data = folder
        .open(&(table("p.csv", "") + "[[events]]\nselect = \"select ID as id, AT as time_us, 1 as amount, WHO as colour, null as payee from payments\""))
        .unwrap();
    let found = weir::backtest::data::check::check(&data, None, || {}).unwrap();
    assert_eq!(found.streams[0].unmapped, ["colour"]);
}

#[test]
fn files_that_do_not_make_a_table_are_named() {
    let folder = Folder::new();
    let select = "[[events]]\nselect = \"select id, 7 as time_us, 1 as amount from payments\"";
    let refused = |files: &str, more: &str| folder.refused(&(table(files, more) + select));
    assert!(
        refused("none.csv", "")
            .ends_with("none.csv: no such file; paths are relative to the manifest's folder, or to --root")
    );
    folder.put("a-1.csv", "id,x\n1,2\n");
    folder.put("a-2.csv", "x,id\n2,1\n");
    let told = refused("a-*.csv", "");
    assert!(
        told.contains("a-2.csv: its columns are x, id, and those of the files before it are id, x"),
        "{told}"
    );
    folder.put("b.csv", "");
    assert!(refused("b.csv", "").contains("b.csv: it is empty"));
    folder.put("c.txt", "id\n1\n");
    assert!(refused("c.txt", "").contains("say its `format`"));
    folder.put("c-1.csv", "id\n1\n");
    folder.put("c-2.csv.gz", "");
    assert!(refused("c-*", "").contains("c-2.csv.gz: it is packed otherwise"));
    folder.put("d.csv", "id,id\n1,1\n");
    assert!(refused("d.csv", "").contains("it has the column `id` twice"));
    assert!(
        refused("a-1.csv", "columns = { y = \"int\" }")
            .contains("names `y`, which no file has; there are id, x")
    );
    assert!(refused("a-1.csv", "columns = { x = \"nmber\" }").contains("`tables.payments.columns.x`: "));
    // Parquet: half a file, none, and columns of other types.
    folder.copy("p-1.parquet", "select '1' as id, 1 as n", "parquet");
    folder.copy("p-2.parquet", "select '2' as id, 'x' as n", "parquet");
    let told = refused("p-*.parquet", "");
    assert!(
        told.contains(
            "p-2.parquet: its column `n` is Utf8View, and Int64 in the files before it; give it a type"
        ),
        "{told}"
    );
    assert_eq!(
        folder
            .open(&(table("p-*.parquet", "columns = { n = \"varchar\" }") + select))
            .map(|data| read(&data).events.len())
            .unwrap(),
        2
    );
    let whole = std::fs::read(folder.path("p-1.parquet")).unwrap();
    folder.put("h.parquet", &whole[..whole.len() / 2]);
    assert!(refused("h.parquet", "").contains("h.parquet: "), "{}", refused("h.parquet", ""));
    folder.put("h.parquet", "");
    assert!(refused("h.parquet", "").contains("h.parquet: "));
    // Columns that only some files have are null in the others.
    folder.copy("q-1.parquet", "select '1' as id", "parquet");
    folder.copy("q-2.parquet", "select 'm' as merchant, '2' as id", "parquet");
    let found = folder.read(
        &(table("q-*.parquet", "")
            + "[[events]]\nselect = \"select id, merchant, 7 as time_us, 1 as amount from payments\""),
    );
    assert!(
        found.events[0].ends_with("\"id\":\"1\"}")
            && found.events[1].ends_with("\"id\":\"2\",\"merchant\":\"m\"}"),
        "{found:?}"
    );
    folder.copy("r-1.arrow", "select '1' as id, 2 as n", "arrow");
    folder.copy("r-2.arrow", "select 2 as n, '1' as id", "arrow");
    assert!(refused("r-*.arrow", "").contains("r-2.arrow: its columns or their types are others"));
}

#[test]
fn a_value_that_its_type_cannot_hold_ends_the_reading() {
    let folder = Folder::new();
    let select = "[[events]]\nselect = \"select id, 7 as time_us, round(x, 2) as amount from payments\"";
    let failed = |files: &str, more: &str| {
        let select = if more.is_empty() { select.replace("round(x, 2)", "x") } else { select.to_owned() };
        let data = folder.open(&(table(files, more) + &select)).unwrap();
        try_read(&data, &Arc::default()).unwrap_err().to_string()
    };
    folder.put("p.csv", "id,x\n1,28.599999999999998\n");
    let told = failed("p.csv", "columns = { x = \"decimal(18,4)\" }");
    assert!(
        told.contains("`x` is 28.599999999999998, which has more decimals than its type decimal(18,4)"),
        "{told}"
    );
    let exact = folder.read(&(table("p.csv", "columns = { x = \"decimal(38,20)\" }") + select));
    assert!(exact.events[0].contains("\"amount_minor\":2860,"), "{exact:?}");
    // A text where the first rows were numbers.
    let rows: String = (0..2_000).map(|row| format!("{row},1\n")).collect();
    folder.put("q-1.csv", format!("id,x\n{rows}"));
    folder.put("q-2.csv", format!("id,x\n{rows}2000,one\n"));
    let told = failed("q-*.csv", "");
    assert!(told.contains("q-2.csv") && told.contains("`one`") || told.contains("'one'"), "{told}");
    // A gzip that was cut short.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(format!("id,x\n{rows}").as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    folder.put("z.csv.gz", &packed[..packed.len() / 2]);
    let opened = folder.open(&(table("z.csv.gz", "") + &select.replace("round(x, 2)", "x")));
    let told = opened.and_then(|data| try_read(&data, &Arc::default())).unwrap_err().to_string();
    assert!(told.contains("z.csv.gz"), "{told}");
}

#[test]
fn a_row_that_is_no_event_is_told_and_is_nothing_else() {
    let folder = Folder::new();
    folder.put(
        "p.csv",
        "id,t,a,c,label,w,ip,lat\n1,1,1,EUR,fraud,1,1.2.3.4,1\n,2,1,EUR,,1,,\n3,,1,EUR,,1,,\n4,4,,EUR,,1,,\n5,5,-1,EUR,,1,,\n6,6,1,EUX,,1,,\n7,7,1,VND,maybe,1,,\n8,8,1,VND,,-1,,\n9,9,1,VND,,1,here,\n10,-1,1,VND,,1,,\n11,11,1,VND,,1,,91\n12,12,1,VND,unknown,2.5,,\n",
    );
    let manifest = table("p.csv", "")
        + "[[events]]\nselect = \"select id, t as time_us, a as amount, c as currency, label, w as weight, ip, lat as latitude, lat as longitude from payments\"";
    let found = folder.read(&manifest);
    let told: Vec<String> = found.bad.iter().map(ToString::to_string).collect();
    for (row, reason) in [
        (2, "`id` is missing; a transaction needs it"),
        (3, "`time` is missing; every event needs it"),
        (4, "`amount_minor` is missing; a transaction needs it"),
        (5, "`amount`: -100 is outside an amount's range"),
        (6, "`currency`: `EUX` is not an ISO 4217"),
        (7, "`label` is `maybe`, which is not fraud, genuine or unknown"),
        (8, "`weight` is -1;"),
        (9, "`ip` is `here`; it must be an IPv4"),
        (10, "`time_us`: -1 is outside"),
        (11, "`latitude` and `longitude` come together"),
    ] {
        let place = format!("row {row} of [[events]] 1: ");
        assert!(
            told.iter().any(|told| told.starts_with(&place) && told.contains(reason)),
            "{row} {reason}: {told:#?}"
        );
    }
    assert_eq!(told.len(), 10);
    assert_eq!(found.events.len(), 2);
    assert!(found.events[1].ends_with("None None None None None 2.5"), "{}", found.events[1]);
}

#[test]
fn a_header_alone_is_no_row_and_columns_of_nulls_are_there() {
    let folder = Folder::new();
    folder.put("p.csv", "id,t,a\n");
    let select = "[[events]]\nselect = \"select id, t as time_us, a as amount from payments\"";
    let found = folder.read(&(table("p.csv", "") + select));
    assert_eq!((found.events.len(), found.bad.len()), (0, 0));
    folder.put("p.csv", "id,t,a\n1,1,1\n");
    let nulls = "[[events]]\nselect = \"select null as id, t as time_us, a as amount from payments\"";
    let found = folder.read(&(table("p.csv", "") + nulls));
    assert_eq!(found.bad.len(), 1);
    assert!(found.bad[0].to_string().contains("`id` is missing"), "{:?}", found.bad);
}

#[test]
fn data_sets_of_one_row_of_none_and_of_fraud_alone() {
    let folder = Folder::new();
    let select = "[[events]]\nselect = \"select id, t as time_us, 1 as amount, label from payments\"";
    for (rows, frauds) in [
        ("", 0),
        ("1,5,fraud\n", 1),
        ("1,5,genuine\n", 0),
        ("1,5,fraud\n2,6,fraud\n", 2),
        ("1,5,\n2,6,\n", 0),
    ] {
        folder.put("p.csv", format!("id,t,label\n{rows}"));
        // No value tells the types of a column without rows.
        let types = "columns = { id = \"varchar\", t = \"bigint\", label = \"varchar\" }";
        let data = folder.open(&(table("p.csv", types) + select)).unwrap();
        let found = read(&data);
        assert_eq!(found.events.len(), rows.lines().count());
        assert_eq!(found.events.iter().filter(|line| line.contains("fraud")).count(), frauds);
        assert_eq!(data.span().unwrap(), (!rows.is_empty()).then_some((5, 4 + rows.lines().count() as i64)));
        assert!(data.labels().unwrap().is_empty());
        let checked = weir::backtest::data::check::check(&data, None, || {}).unwrap();
        assert_eq!((checked.rows, checked.is_wrong()), (rows.lines().count() as u64, rows.is_empty()));
    }
}
