//! The figures as Markdown and as JSON.

use crate::Run;
use crate::measure::{Bar, Measure, Program};
use std::fmt;

/// What became of a program in one measure.
pub(crate) struct Row {
    program: Program,
    pub(crate) runs: Vec<Run>,
    pub(crate) failure: Option<String>,
}

impl Row {
    pub(crate) fn new(program: &Program) -> Self {
        Self {
            program: *program,
            runs: Vec::new(),
            failure: None,
        }
    }

    fn median(&self, figure: impl Fn(&Run) -> f64) -> f64 {
        median(self.runs.iter().map(figure).collect())
    }

    /// This program's time / ours, in each round.
    fn ratios(&self, ours: &Self) -> Vec<f64> {
        let rounds = self.runs.iter().zip(&ours.runs);
        rounds
            .map(|(theirs, ours)| theirs.time / ours.time)
            .collect()
    }

    /// The fewest and the most of a connection, in any round.
    fn flights(&self) -> [f64; 2] {
        let all = || self.runs.iter().map(|run| run.flights);
        [
            all()
                .map(|[fewest, _]| fewest)
                .fold(f64::INFINITY, f64::min),
            all().map(|[_, most]| most).fold(0.0, f64::max),
        ]
    }
}

/// A measure's figures.
pub(crate) struct Table {
    name: &'static str,
    title: String,
    count: usize,
    bars: Vec<Bar>,
    rows: Vec<Row>,
}

impl Table {
    /// With mails of so many bytes. What a mail costs a lab's server is in the
    /// times too, which the bars do not ask for.
    pub(crate) fn new(measure: &Measure, size: usize, lab: bool, rows: Vec<Row>) -> Self {
        let bars = measure.bars.iter().copied();
        Self {
            name: measure.name,
            title: measure.title(size),
            count: measure.count,
            bars: bars
                .filter(|bar| !lab || matches!(bar, Bar::Flights(_)))
                .collect(),
            rows,
        }
    }

    fn ours(&self) -> &Row {
        &self.rows[0]
    }

    /// The bar of `row`, and whether it is met.
    fn bar(&self, row: &Row) -> String {
        let is_ours = std::ptr::eq(row, self.ours());
        let found = self.bars.iter().find_map(|bar| match *bar {
            Bar::Ratio(file, least) if file == row.program.file => {
                let ratio = median(row.ratios(self.ours()));
                Some((format!("at least {least:.2}"), ratio >= least))
            }
            Bar::Flights(most) if is_ours => {
                let [_, flights] = row.flights();
                // The closing alert, behind the reply to QUIT.
                Some((format!("at most {most} flights + 1"), flights <= most + 1.0))
            }
            Bar::Each(most) if is_ours => {
                #[expect(clippy::cast_precision_loss, reason = "they are few")]
                let each = row.median(|run| run.time) / self.count as f64;
                Some((format!("at most {most} ms"), each <= most))
            }
            _ => None,
        });
        match found {
            None => String::new(),
            Some((bar, true)) => bar,
            Some((bar, false)) => format!("**MISSED**: {bar}"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ours, rounds) = (self.ours(), self.ours().runs.len());
        writeln!(
            f,
            "| {} (`{}`) | ms, median of {rounds} | each | theirs / ours | lowest to highest | client flights each | host calls each | resumed | bar |\n|---|---|---|---|---|---|---|---|---|",
            self.title, self.name
        )?;
        for row in &self.rows {
            write!(f, "| {} |", row.program.name)?;
            if let Some(failure) = &row.failure {
                writeln!(f, " {failure} | | | | | | | |")?;
                continue;
            }
            #[expect(clippy::cast_precision_loss, reason = "they are few")]
            let count = self.count as f64;
            let time = row.median(|run| run.time);
            let ratios = row.ratios(ours);
            let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = ratios.iter().copied().fold(0.0, f64::max);
            let [fewest, most] = row.flights().map(|flights| format!("{flights:.1}"));
            let flights = match fewest == most {
                true => fewest,
                false => format!("{fewest} to {most}"),
            };
            let resumed = row.runs.last().and_then(|run| run.resumed);
            let resumed = resumed.map_or_else(String::new, |count| count.to_string());
            writeln!(
                f,
                " {time:.1} | {:.3} | {:.2} | {lowest:.2} to {highest:.2} | {flights} | {:.1} | {resumed} | {} |",
                time / count,
                median(ratios),
                row.median(|run| run.host_calls),
                self.bar(row)
            )?;
        }
        if let Some(memory) = ours.runs.iter().rev().find_map(|run| run.memory.as_ref()) {
            let (heap, linear) = memory.split_once(' ').unwrap_or((memory, "?"));
            writeln!(
                f,
                "\nOurs took {heap} bytes of heap for it, the source not counted, and the linear memory grew by {linear} bytes."
            )?;
        }
        Ok(())
    }
}

/// All tables on one line each.
pub(crate) fn json(lab: bool, rounds: usize, tables: &[Table]) -> String {
    let tables: Vec<_> = tables.iter().map(table_json).collect();
    format!(
        "{{\"lab\":{lab},\"rounds\":{rounds},\"measures\":[\n{}\n]}}\n",
        tables.join(",\n")
    )
}

fn table_json(table: &Table) -> String {
    let rows = table.rows.iter().map(|row| {
        let name = text(row.program.name);
        if let Some(failure) = &row.failure {
            return format!("{{\"name\":{name},\"failure\":{}}}", text(failure));
        }
        let ratios = row.ratios(table.ours());
        let shown: Vec<_> = ratios.iter().map(|ratio| format!("{ratio:.3}")).collect();
        let [fewest, most] = row.flights();
        let memory = row.runs.iter().rev().find_map(|run| run.memory.as_ref());
        let memory = memory.and_then(|memory| memory.split_once(' '));
        let memory = memory.map_or_else(String::new, |(heap, linear)| {
            format!(",\"heap\":{heap},\"linear_memory\":{linear}")
        });
        format!(
            "{{\"name\":{name},\"ms\":{:.3},\"ratio\":{:.3},\"ratios\":[{}],\"flights\":[{fewest:.3},{most:.3}],\"host_calls\":{:.1}{memory}}}",
            row.median(|run| run.time),
            median(ratios),
            shown.join(","),
            row.median(|run| run.host_calls)
        )
    });
    format!(
        "{{\"measure\":{},\"title\":{},\"count\":{},\"programs\":[\n {}]}}",
        text(table.name),
        text(&table.title),
        table.count,
        rows.collect::<Vec<_>>().join(",\n ")
    )
}

/// A string of JSON's.
fn text(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
