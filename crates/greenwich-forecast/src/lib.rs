//! Forecasts of grid intensity from its own history.
//!
//! In: hourly history. Out: forecasts with bands.
