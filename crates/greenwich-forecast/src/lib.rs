//! Forecasts of grid intensity from its own history, with bands that hold what they say.
//!
//! In: hourly history by value and what else is known of the zone, an instant of issue, coefficients pooled over zones. Out: the next hours as p5, p50 and
//! p95, the rung of the ladder that answered, and back-tests of all of it. Why it is built so:
//! `docs/design/008-forecaster.md`; how good it is: `docs/accuracy.md`.
//!
//! **Invariant:** a forecast issued at T reads nothing stamped T or later; no clock, file or chance; the same history
//! gives the same forecast, bit for bit.

pub mod backtest;
pub mod covariate;
pub mod error;
pub mod farther;
pub mod forecaster;
pub mod history;
pub mod naive;
pub mod pool;
pub mod prior;
pub mod realised;
pub mod ridge;

mod algebra;
mod bands;
mod blend;
mod boost;
mod levels;
mod moments;
mod response;
mod trees;

pub use backtest::{Backtest, Judged, Score, backtest};
pub use covariate::{Covariate, Family, Measure, Reach};
pub use error::ForecastError;
pub use farther::FARTHEST_HOURS;
pub use forecaster::{Forecast, Forecaster, Point, Rung, Settings};
pub use history::History;
pub use naive::Naive;
pub use pool::{Pool, ZoneMoments};
pub use prior::{MOST_HOURS_AHEAD, Prior};
pub use realised::Realised;
