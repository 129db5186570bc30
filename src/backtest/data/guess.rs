//! What the CSVs of a table have in common: their columns, and types that fit the first rows of each.
//!
//! Promises that a text of digits is a number only where it says no more than the number does: `007` is no 7. Times stay text, since
//! only their reader knows in which zone they are.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::Format;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::error::DataFusionError;

/// Rows of each file that types are guessed from.
const ROWS: usize = 1_000;

/// What the values of a column have been until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Guess {
    /// Nothing was there.
    #[default]
    Nothing,
    Boolean,
    Whole,
    Number,
    Text,
}

impl Guess {
    fn of(text: &str) -> Self {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let padded = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
        if matches!(text, "true" | "false") {
            Self::Boolean
        } else if plain(digits) && !padded && text.parse::<i64>().is_ok() {
            Self::Whole
        } else if digits.starts_with(|first: char| first.is_ascii_digit())
            && !padded
            && !plain(digits)
            && text.parse::<f64>().is_ok()
        {
            Self::Number
        } else {
            Self::Text
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, known) | (known, Self::Nothing) => known,
            (one, other) if one == other => one,
            (Self::Whole, Self::Number) | (Self::Number, Self::Whole) => Self::Number,
            _ => Self::Text,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Whole => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Nothing | Self::Text => DataType::Utf8,
        }
    }
}

/// The columns of CSVs with types that fit, which all must have the same columns in the same order.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    names: Vec<String>,
    guesses: Vec<Guess>,
    /// Whether any file has a row.
    rows: bool,
}

impl Guesses {
    /// With columns that are known, since there is no header.
    pub(super) fn named(names: Vec<String>) -> Self {
        Self { guesses: vec![Guess::Nothing; names.len()], names, rows: false }
    }

    /// Looks at the beginning of a file; what is wrong with it, where something is.
    pub(super) fn look(
        &mut self,
        path: &Path,
        packing: FileCompressionType,
        delimiter: u8,
        header: bool,
    ) -> Result<(), String> {
        let format = Format::default().with_header(header).with_delimiter(delimiter);
        let open = || -> Result<Box<dyn Read + Send>, String> {
            let file = File::open(path).map_err(|error| error.to_string())?;
            packing.convert_read(file).map_err(|error| error.strip_backtrace())
        };
        let told = |error| DataFusionError::from(error).strip_backtrace();
        let (schema, _) = format.infer_schema(open()?, Some(0)).map_err(told)?;
        // An editor's mark at the beginning of a file is no part of the first name.
        let name = |field: &Arc<Field>| field.name().trim_start_matches('\u{feff}').to_owned();
        let names: Vec<String> = schema.fields().iter().map(name).collect();
        if names.is_empty() {
            return Err("it is empty; a CSV needs a header, or `header = false` and `columns`".to_owned());
        }
        if self.names.is_empty() {
            if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
                return Err(format!("it has the column `{}` twice", twice.1));
            }
            *self = Self { rows: self.rows, ..Self::named(names.clone()) };
        }
        if header && names != self.names {
            return Err(format!(
                "its columns are {}, and those of the files before it are {}; a table's files have the same columns in the same order: make it a table of its own",
                names.join(", "),
                self.names.join(", ")
            ));
        }
        if names.len() != self.names.len() {
            return Err(format!("it has {} columns, and there are {} names", names.len(), self.names.len()));
        }
        let texts = names.iter().map(|name| Field::new(name, DataType::Utf8, true));
        let texts = Arc::new(Schema::new(texts.collect::<Vec<_>>()));
        let mut rows = ReaderBuilder::new(texts)
            .with_format(format)
            .with_header(header)
            .with_batch_size(ROWS)
            .with_bounds(0, ROWS)
            .build(open()?)
            .map_err(told)?;
        let Some(rows) = rows.next().transpose().map_err(told)? else { return Ok(()) };
        self.rows |= rows.num_rows() > 0;
        for (guess, column) in self.guesses.iter_mut().zip(rows.columns()) {
            let texts = column.as_string::<i32>().iter().flatten().filter(|text| !text.is_empty());
            *guess = texts.map(Guess::of).fold(*guess, Guess::and);
        }
        Ok(())
    }

    /// Names and types. What has no row is of no type, and fits wherever one is asked for.
    pub(super) fn fields(&self) -> Vec<Field> {
        let data_type = |guess: &Guess| if self.rows { guess.data_type() } else { DataType::Null };
        let field = |(name, guess): (&String, &Guess)| Field::new(name, data_type(guess), true);
        self.names.iter().zip(&self.guesses).map(field).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_number_only_where_nothing_is_lost() {
        for (text, guess) in [
            ("0", Guess::Whole),
            ("-12", Guess::Whole),
            ("007", Guess::Text),
            ("00.5", Guess::Text),
            ("0.5", Guess::Number),
            ("1e3", Guess::Number),
            (".5", Guess::Text),
            ("inf", Guess::Text),
            ("12345678901234567890", Guess::Text),
            ("true", Guess::Boolean),
            ("2018-04-01", Guess::Text),
        ] {
            assert_eq!(Guess::of(text), guess, "{text}");
        }
        assert_eq!(Guess::Whole.and(Guess::Number), Guess::Number);
        assert_eq!(Guess::Whole.and(Guess::Boolean), Guess::Text);
        assert_eq!(Guess::Nothing.and(Guess::Whole), Guess::Whole);
    }
}
