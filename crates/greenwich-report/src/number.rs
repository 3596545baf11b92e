//! Numbers as people read them: three significant figures, thousands apart, percent.
//!
//! In: a bare number whose unit the caller prints beside it. Out: its digits.

use greenwich_core::quantity::significant;

/// Three significant figures with commas between thousands: `1230` is `1,230`.
pub(crate) fn three(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude >= 1e12 || (magnitude > 0.0 && magnitude < 1e-6) {
        return format!("{number:.2e}");
    }
    grouped(&significant(number, 3)).replace('-', "−")
}

/// A count with commas between thousands.
pub(crate) fn count(number: impl Into<u64>) -> String {
    grouped(&number.into().to_string())
}

/// A share as percent: whole above ten, finer towards 0 and towards 100, never rounded to all or nothing.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let size = percent.abs();
    let digits = if size < 0.005 {
        "0".to_owned()
    } else if size < 0.95 {
        significant(size, 1)
    } else if size < 9.95 || (size > 99.0 && size < 99.95) {
        format!("{size:.1}")
    } else if (99.95..100.0).contains(&size) {
        format!("{size:.2}")
    } else {
        grouped(&format!("{size:.0}"))
    };
    let sign = if percent < 0.0 && digits != "0" { "−" } else { "" };
    format!("{sign}{digits} %")
}

/// A change against what was before: `−90 %` where a share of 0.9 is saved, `+12 %` where more is needed.
pub(crate) fn change(saved: f64) -> String {
    let text = percent(-saved);
    if saved < 0.0 && text != "0 %" { format!("+{text}") } else { text }
}

/// A factor: `×0.118`.
pub(crate) fn factor(ratio: f64) -> String {
    format!("×{}", three(ratio))
}

fn grouped(digits: &str) -> String {
    let (sign, rest) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, decimals) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(decimals);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_figures_and_commas() {
        assert_eq!(three(1234.5), "1,230");
        assert_eq!(three(-0.012_345), "−0.0123");
        assert_eq!(three(999_999.0), "1,000,000");
        assert_eq!(three(3.14e23), "3.14e23");
        assert_eq!(count(1024u32), "1,024");
        assert_eq!(count(7_000_000_000u64), "7,000,000,000");
    }

    #[test]
    fn percents_never_round_to_all_or_nothing() {
        assert_eq!(percent(0.902), "90 %");
        assert_eq!(percent(0.9972), "99.7 %");
        assert_eq!(percent(0.999_91), "99.99 %");
        assert_eq!(percent(0.0234), "2.3 %");
        assert_eq!(percent(0.000_34), "0.03 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(change(0.9), "−90 %");
        assert_eq!(change(-0.12), "+12 %");
    }
}
