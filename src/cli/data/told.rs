//! What was found in a data set, for people: first what it is, then what is wrong with it, then what is worth knowing.

use std::io::{self, Write};

use weir::backtest::data::Manifest;
use weir::backtest::data::check::{Amounts, Example, Finding, Findings, IDS_MAX, Labelled, Stream};
use weir::backtest::report::Counted;
use weir::money::{Money, format_major};

/// Columns with nulls that are named.
const NULLS_SHOWN: usize = 12;

/// Writes all of it.
pub(super) fn write(found: &Findings, manifest: &Manifest, out: &mut impl Write) -> io::Result<()> {
    let about = if found.about.is_empty() { String::new() } else { format!(": {}", found.about) };
    writeln!(out, "{}{about}", found.name)?;
    writeln!(out, "{} rows; {}", found.rows, counted(&found.kinds, "no events"))?;
    if let (Some(first), Some(last)) = (&found.first, &found.last) {
        writeln!(out, "from {first} to {last}; payments by month: {}", counted(&found.months, "none"))?;
    }
    if found.labels.payments > 0 {
        amounts(&found.amounts, manifest, out)?;
        labels(&found.labels, out)?;
    }
    let paint = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
    let wrong = format!("{paint}wrong{paint:#}");
    for lack in &found.lacks {
        writeln!(out, "{wrong}: the rule set lacks {lack}")?;
    }
    if found.rows == 0 {
        writeln!(out, "{wrong}: it has no rows")?;
    }
    for finding in &found.bad_rows {
        writeln!(out, "{wrong}: {} rows are no event: {}", finding.count, finding.what)?;
        examples(finding, out)?;
    }
    for finding in [&found.reused, &found.outside].into_iter().filter(|finding| finding.count > 0) {
        writeln!(out, "{wrong}: {} {}", finding.count, finding.what)?;
        examples(finding, out)?;
    }
    let Labelled { without_payment, early, .. } = found.labels;
    if without_payment > 0 {
        writeln!(out, "{wrong}: {without_payment} payments that labels name are not there")?;
    }
    if early > 0 {
        writeln!(out, "{wrong}: {early} labels are from before their payment")?;
    }
    for finding in [&found.repeated, &found.out_of_order].into_iter().filter(|finding| finding.count > 0) {
        writeln!(out, "told: {} {}", finding.count, finding.what)?;
        examples(finding, out)?;
    }
    if !found.ids_exact {
        writeln!(out, "told: ids were compared with the first {IDS_MAX} only; more may come again")?;
    }
    for Stream { number, unmapped, nulls, .. } in &found.streams {
        if !unmapped.is_empty() {
            writeln!(out, "told: of [[events]] {number} nothing takes {}", unmapped.join(", "))?;
        }
        if !nulls.is_empty() {
            let shown = &nulls[..nulls.len().min(NULLS_SHOWN)];
            let more = match nulls.len() - shown.len() {
                0 => String::new(),
                more => format!(", and of {more} other columns (--json has all)"),
            };
            writeln!(out, "told: of [[events]] {number} null: {}{more}", counted(shown, ""))?;
        }
    }
    if !found.is_wrong() {
        writeln!(out, "nothing is wrong")?;
    }
    Ok(())
}

fn counted(counts: &[Counted], none: &str) -> String {
    let counts: Vec<_> = counts.iter().map(|Counted { name, count }| format!("{count} {name}")).collect();
    if counts.is_empty() { none.to_owned() } else { counts.join(", ") }
}

fn examples(finding: &Finding, out: &mut impl Write) -> io::Result<()> {
    finding.examples.iter().try_for_each(|Example { stream, row, file, what }| match file {
        Some((file, row)) => writeln!(out, "  {file}, row {row}: {what}"),
        None => writeln!(out, "  row {row} of [[events]] {stream}: {what}"),
    })
}

fn amounts(amounts: &Amounts, manifest: &Manifest, out: &mut impl Write) -> io::Result<()> {
    let Amounts { zero, min_minor, median_minor, max_minor, extreme, extreme_minor } = *amounts;
    let (Some(min), Some(median), Some(max), Some(limit)) =
        (min_minor, median_minor, max_minor, extreme_minor)
    else {
        return Ok(());
    };
    let major = |minor: u64| {
        format_major(Money { minor: i64::try_from(minor).unwrap_or(i64::MAX), currency: manifest.currency })
    };
    let code = manifest.currency.code();
    writeln!(
        out,
        "amounts, all taken as {code}: from {} to {}, about {} at the median; {zero} of nothing, {extreme} above {}",
        major(min),
        major(max),
        major(median),
        major(limit)
    )
}

/// A time as one reads it.
fn time(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let unit = units.into_iter().find(|(unit, _)| seconds >= *unit);
    unit.map_or_else(
        || format!("{seconds} s"),
        |(unit, name)| format!("{:.1} {name}", seconds as f64 / unit as f64),
    )
}

fn labels(labels: &Labelled, out: &mut impl Write) -> io::Result<()> {
    let share = labels.unknown as f64 / labels.payments as f64 * 100.0;
    write!(out, "{} payments: {}; {share:.2} % unknown", labels.payments, counted(&labels.by_label, ""))?;
    if let (Some(median), Some(late), Some(max)) =
        (labels.delay_s_p50, labels.delay_s_p90, labels.delay_s_max)
    {
        let [median, late, max] = [median, late, max].map(time);
        write!(
            out,
            "; labels come {median} after their payment at the median, {late} at the ninth decile, {max} at most"
        )?;
    }
    writeln!(out)
}
