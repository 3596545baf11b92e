//! In building.
