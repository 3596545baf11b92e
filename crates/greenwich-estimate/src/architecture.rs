//! The shapes of model families: which weights there are, and which of them every token is multiplied with.
//!
//! In: the text of a config. Out: [`ModelCounts`]. One function a family, written after the library's own modules as
//! the list of a model's layers; what a family takes where its config leaves a key out stands in `defaults.tsv`, which
//! is made from the library. Anything else is refused with the nearest known type, since a wrong count is worse
//! than none.

mod decoder;
mod diffusion;
mod diffusion_newer;
mod encoder;
mod encoder_decoder;
mod gpt;
pub mod layers;
mod moe;
mod part;
mod sample;
mod shape;
mod state_space;
mod unet;
mod vision;

use crate::config::Config;
use crate::error::EstimateError;
use crate::model::ModelCounts;
use crate::nearest::nearest;

/// Counts the parameters of one config.
type Count = fn(&Config) -> Result<ModelCounts, EstimateError>;

/// Every `model_type` that is read, in order, and every `_class_name` of a diffusion model.
const FAMILIES: &[(&str, Count)] = &[
    ("AuraFlowTransformer2DModel", diffusion_newer::aura_flow),
    ("AutoencoderKL", unet::autoencoder_kl),
    ("CogVideoXTransformer3DModel", diffusion_newer::cog_video_x),
    ("DiTTransformer2DModel", diffusion::dit),
    ("FluxTransformer2DModel", diffusion::flux),
    ("PixArtTransformer2DModel", diffusion::pixart),
    ("QwenImageTransformer2DModel", diffusion_newer::qwen_image),
    ("SD3Transformer2DModel", diffusion::sd3),
    ("Transformer2DModel", diffusion::transformer),
    ("UNet2DConditionModel", unet::unet_2d_condition),
    ("UNet2DModel", unet::unet_2d),
    ("WanTransformer3DModel", diffusion_newer::wan),
    ("albert", encoder::albert),
    ("apertus", decoder::apertus),
    ("arcee", decoder::arcee),
    ("bamba", state_space::bamba),
    ("bart", encoder_decoder::bart),
    ("beit", vision::beit),
    ("bert", encoder::bert),
    ("biogpt", gpt::biogpt),
    ("bitnet", decoder::bitnet),
    ("blenderbot", encoder_decoder::blenderbot),
    ("bloom", gpt::bloom),
    ("camembert", encoder::bert),
    ("clip", vision::clip),
    ("codegen", gpt::gptj),
    ("cohere", decoder::cohere),
    ("cohere2", decoder::cohere2),
    ("convnext", vision::convnext),
    ("cwm", decoder::cwm),
    ("dbrx", moe::dbrx),
    ("deberta", encoder::deberta),
    ("deberta-v2", encoder::deberta_v2),
    ("deepseek_v2", moe::deepseek),
    ("deepseek_v3", moe::deepseek),
    ("deit", vision::deit),
    ("dinov2", vision::dinov2),
    ("dinov2_with_registers", vision::dinov2),
    ("distilbert", encoder::distilbert),
    ("dots1", moe::dots1),
    ("electra", encoder::electra),
    ("ernie", encoder::bert),
    ("ernie4_5", decoder::ernie4_5),
    ("ernie4_5_moe", moe::ernie4_5_moe),
    ("exaone4", decoder::exaone4),
    ("exaone_moe", moe::exaone_moe),
    ("falcon", gpt::falcon),
    ("falcon_h1", state_space::falcon_h1),
    ("falcon_mamba", state_space::mamba),
    ("gemma", decoder::gemma),
    ("gemma2", decoder::gemma2),
    ("gemma3_text", decoder::gemma3),
    ("glm", decoder::glm),
    ("glm4", decoder::glm4),
    ("glm4_moe", moe::glm4_moe),
    ("glm4_moe_lite", moe::glm4_moe_lite),
    ("gpt2", gpt::gpt2),
    ("gpt_bigcode", gpt::gpt2),
    ("gpt_neo", gpt::gpt_neo),
    ("gpt_neox", gpt::gpt_neox),
    ("gpt_oss", moe::gpt_oss),
    ("gptj", gpt::gptj),
    ("granite", decoder::llama),
    ("granitemoe", moe::granitemoe),
    ("granitemoehybrid", state_space::granitemoehybrid),
    ("granitemoeshared", moe::granitemoe),
    ("helium", decoder::helium),
    ("hunyuan_v1_dense", decoder::qwen3),
    ("hunyuan_v1_moe", moe::hunyuan_v1_moe),
    ("jamba", state_space::jamba),
    ("jetmoe", moe::jetmoe),
    ("led", encoder_decoder::led),
    ("lfm2", state_space::lfm2),
    ("lfm2_moe", state_space::lfm2_moe),
    ("llama", decoder::llama),
    ("llama4_text", moe::llama4),
    ("m2m_100", encoder_decoder::m2m_100),
    ("mamba", state_space::mamba),
    ("mamba2", state_space::mamba2),
    ("marian", encoder_decoder::marian),
    ("mbart", encoder_decoder::mbart),
    ("megatron-bert", encoder::bert),
    ("minimax_m2", moe::minimax_m2),
    ("ministral", decoder::mistral),
    ("ministral3", decoder::mistral),
    ("mistral", decoder::mistral),
    ("mixtral", moe::mixtral),
    ("modernbert", encoder::modernbert),
    ("mpnet", encoder::mpnet),
    ("mpt", gpt::mpt),
    ("mt5", encoder_decoder::t5),
    ("nemotron", decoder::nemotron),
    ("olmo", decoder::olmo),
    ("olmo2", decoder::olmo2),
    ("olmo3", decoder::olmo3),
    ("olmoe", moe::olmoe),
    ("openai-gpt", gpt::openai_gpt),
    ("opt", gpt::opt),
    ("pegasus", encoder_decoder::pegasus),
    ("persimmon", decoder::persimmon),
    ("phi", decoder::phi),
    ("phi3", decoder::phi3),
    ("phimoe", moe::phimoe),
    ("plbart", encoder_decoder::bart),
    ("qwen2", decoder::qwen2),
    ("qwen2_moe", moe::qwen2_moe),
    ("qwen3", decoder::qwen3),
    ("qwen3_5_moe_text", state_space::qwen3_5_moe),
    ("qwen3_5_text", state_space::qwen3_5),
    ("qwen3_moe", moe::qwen3_moe),
    ("qwen3_next", state_space::qwen3_next),
    ("recurrent_gemma", state_space::recurrent_gemma),
    ("resnet", vision::resnet),
    ("roberta", encoder::bert),
    ("seed_oss", decoder::seed_oss),
    ("siglip", vision::siglip),
    ("smollm3", decoder::smollm3),
    ("stablelm", decoder::stablelm),
    ("starcoder2", decoder::starcoder2),
    ("swin", vision::swin),
    ("switch_transformers", encoder_decoder::switch_transformers),
    ("t5", encoder_decoder::t5),
    ("umt5", encoder_decoder::umt5),
    ("vaultgemma", decoder::vaultgemma),
    ("vit", vision::vit),
    ("whisper", encoder_decoder::whisper),
    ("xglm", gpt::xglm),
    ("xlm-roberta", encoder::bert),
];

/// Every `model_type` and `_class_name` that is read, sorted.
pub fn known_types() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|(name, _)| *name)
}

/// Counts the model that a `config.json` describes.
///
/// # Errors
/// What [`ModelCounts::from_config`] says.
pub fn count(text: &str) -> Result<ModelCounts, EstimateError> {
    let (classes, types): (Vec<&str>, Vec<&str>) = known_types().partition(|name| name.starts_with(char::is_uppercase));
    let config = Config::parse(text, &types)?;
    if let Some((_, family)) = FAMILIES.iter().find(|(name, _)| *name == config.model_type()) {
        return family(&config);
    }
    let found = config.model_type().to_owned();
    Err(if config.is_class() {
        EstimateError::UnknownClass { nearest: nearest(&found, &classes), found }
    } else {
        EstimateError::UnknownModelType { nearest: nearest(&found, &types), found }
    })
}
