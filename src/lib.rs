//! kz brings secrets to containers at start-up. ARCHITECTURE.md says who may import whom;
//! the list below is in the order of its rows, lowest first.

pub mod calendar;
pub mod delivery;
pub mod hint;
pub mod json;
mod literal;
pub mod log;
pub mod patience;
mod percent;
mod random;
pub mod reading;
pub mod scope;
pub mod secret;
pub mod signals;
pub mod size;
#[cfg(feature = "https")]
pub mod tls;
pub mod waiting;

pub mod doctor;
pub mod exec;
#[cfg(feature = "https")]
pub mod http;
pub mod output;
pub mod provider;
pub mod publish;

pub mod plan;
pub mod resolve;

pub mod config;

pub mod export;
pub mod session;

pub mod cli;
