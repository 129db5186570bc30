//! Where DataFusion and DuckDB say the same thing in other words.
//!
//! Promises text that means the same in both. Must never know a feature or a rule.

/// A query engine whose SQL can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// Apache DataFusion.
    DataFusion,
    /// DuckDB.
    DuckDb,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 2] = [Self::DataFusion, Self::DuckDb];

    /// The word for it in commands and file names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DataFusion => "datafusion",
            Self::DuckDb => "duckdb",
        }
    }

    /// What people call it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::DataFusion => "DataFusion",
            Self::DuckDb => "DuckDB",
        }
    }

    /// A whole number with room for the product of two of 64 bits, and for sums of those.
    pub(super) fn wide(self, whole: &str) -> String {
        match self {
            Self::DataFusion => format!("CAST({whole} AS DECIMAL(38, 0))"),
            Self::DuckDb => format!("CAST({whole} AS HUGEINT)"),
        }
    }

    /// The double nearest to a wide whole number.
    pub(super) fn nearest(self, wide: &str) -> String {
        match self {
            Self::DataFusion => format!("CAST({wide} AS DOUBLE)"),
            // Its own conversion of a HUGEINT rounds twice; reading digits rounds once.
            Self::DuckDb => format!("CAST(CAST({wide} AS VARCHAR) AS DOUBLE)"),
        }
    }

    /// Whether it takes the zero below for less than the one above.
    pub(super) const fn has_two_zeros(self) -> bool {
        matches!(self, Self::DataFusion)
    }

    /// A wide whole number as a BIGINT, null where it has no room.
    pub(super) fn narrow(self, wide: &str) -> String {
        match self {
            // Without the sum its optimizer compares the wide number instead, and the null is lost.
            Self::DataFusion => format!("(TRY_CAST({wide} AS BIGINT) + 0)"),
            Self::DuckDb => format!("TRY_CAST({wide} AS BIGINT)"),
        }
    }

    /// Whether `in` takes an unknown item for one that is not equal, where items are computed.
    pub(super) const fn loses_unknown_items(self) -> bool {
        matches!(self, Self::DataFusion)
    }

    /// Whether a sliding aggregate goes wrong once its frame was empty: what left the frame meanwhile stays in.
    pub(super) const fn needs_filled_frames(self) -> bool {
        matches!(self, Self::DataFusion)
    }

    /// Whether a sliding minimum or maximum keeps its last value once its window has none left.
    pub(super) const fn keeps_stale_extremes(self) -> bool {
        matches!(self, Self::DataFusion)
    }

    /// The event's time as a clock on a wall in a zone shows it.
    pub(super) fn local_time(self, zone: &str) -> String {
        match self {
            Self::DataFusion => {
                format!("to_local_time(arrow_cast(\"time_us\", 'Timestamp(Microsecond, Some(\"{zone}\"))'))")
            }
            Self::DuckDb => {
                format!("(make_timestamp(\"time_us\") AT TIME ZONE 'UTC' AT TIME ZONE '{zone}')")
            }
        }
    }
}

/// A name as a column; it has no quote in it.
pub(super) fn column(name: &str) -> String {
    format!("\"{name}\"")
}

/// A text as a literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A whole number as a literal.
pub(super) fn whole(value: i64) -> String {
    match value {
        // The digits of the least one alone are already too large.
        i64::MIN => format!("({} - 1)", i64::MIN + 1),
        value if value < 0 => format!("({value})"),
        value => value.to_string(),
    }
}

/// A double as a literal; an exponent makes it one in both dialects.
pub(super) fn double(value: f64) -> String {
    match value {
        0.0 => "0e0".to_owned(),
        value if value < 0.0 => format!("({value:e})"),
        value => format!("{value:e}"),
    }
}
