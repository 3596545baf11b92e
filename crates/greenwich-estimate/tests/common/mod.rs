//! Inputs that the tests start from: Llama-2-7B's shape on 1,024 A100 for 2e12 tokens.

use greenwich_core::footprint::Setting;
use greenwich_core::quantity::{
    AverageIntensity, Bytes, Co2e, FlopRate, Fraction, Hours, MarginalIntensity, Power, Pue, SiteWaterIntensity,
    SourceWaterIntensity, UsdPerAcceleratorHour,
};
use greenwich_core::{AcceleratorId, RegionId, ZoneId};
use greenwich_estimate::{Embodied, Given, Inputs, LogNormal, Model, ModelCounts, PowerBasis, Site};

#[allow(dead_code)] // Each test file uses its own part of this one.
pub(crate) fn bare(params_total: u64, params_active: u64) -> Model {
    Model::Bare { params_total, params_active }
}

pub(crate) fn llama_7b() -> String {
    r#"{"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32}"#
        .to_owned()
}

pub(crate) fn seven_b() -> Inputs {
    Inputs {
        job: "llm-7b".to_owned(),
        model: Model::Shape(ModelCounts::from_config(&llama_7b()).expect("a config that we read")),
        tokens: Some(2e12),
        seq_len: Some(4096),
        precision: "bf16".to_owned(),
        setting: Setting {
            accelerator: Some(AcceleratorId::new("a100-sxm4-80g")),
            count: 1024,
            region: Some(RegionId::new("gcp/us-central1")),
            zone: Some(ZoneId::new("US-MIDW-MISO")),
        },
        peak: Some(FlopRate::from_tflops(312.0)),
        memory: Some(Bytes::from_gb(80.0)),
        utilisation: LogNormal::new(0.38, 0.3),
        goodput: LogNormal::new(0.85, 0.12),
        goodput_of_steps: LogNormal::new(0.95, 0.08),
        power: Some(PowerBasis::Measured { mean: Power::from_watts(480.0), low: None, high: None }),
        load: None,
        chip: None,
        given: Given::default(),
        site: Site {
            pue: LogNormal::exact(Pue::new(1.1).expect("a PUE")),
            location_based: Some(LogNormal::new(AverageIntensity::from_g_per_kwh(430.0), 0.1)),
            location_based_direct: Some(LogNormal::new(AverageIntensity::from_g_per_kwh(390.0), 0.1)),
            market_based: Some(LogNormal::new(AverageIntensity::from_g_per_kwh(60.0), 0.1)),
            marginal: Some(LogNormal::new(MarginalIntensity::from_g_per_kwh(600.0), 0.2)),
            wue: Some(LogNormal::exact(SiteWaterIntensity::from_l_per_kwh(0.2))),
            source_water: Some(LogNormal::new(SourceWaterIntensity::from_l_per_kwh(3.1), 0.2)),
            embodied: Some(Embodied {
                total: LogNormal::new(Co2e::from_kg(463.0), 0.4),
                lifespan: LogNormal::new(Hours::from_days(4.5 * 365.0), 0.2),
                busy_share: Fraction::new(0.85).expect("a share"),
            }),
            price: Some(LogNormal::new(UsdPerAcceleratorHour::from_usd_per_hour(3.7), 0.2)),
            electricity_price: None,
        },
        pause_overhead: Hours::ZERO,
        transfer: None,
        factors: Vec::new(),
        warnings: Vec::new(),
    }
}
