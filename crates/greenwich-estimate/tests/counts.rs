//! Parameters and FLOPs of published models against a count over the library's own modules.
//!
//! The totals, active parameters and forward FLOPs of the first eight are facts counted with transformers 5.23.0 and
//! torch 2.15.0 on the meta device (batch 1, eager attention, a multiply-add counting two); the totals of the others
//! are those of the published weights, as others quote them.

use greenwich_estimate::ModelCounts;

struct Known {
    config: &'static str,
    total: u64,
    active: u64,
}

struct KnownFlops {
    config: &'static str,
    seq_len: u64,
    forward: f64,
    within: f64,
}

const GPT2: &str =
    r#"{"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12}"#;
const LLAMA_2_7B: &str = r#"{"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 4096}"#;
const MIXTRAL: &str = r#"{"model_type": "mixtral", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "num_local_experts": 8,
    "num_experts_per_tok": 2, "max_position_embeddings": 32768}"#;
const QWEN3_MOE: &str = r#"{"model_type": "qwen3_moe", "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 6144,
    "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "num_experts": 128,
    "num_experts_per_tok": 8, "moe_intermediate_size": 768, "decoder_sparse_step": 1, "mlp_only_layers": []}"#;
const GEMMA_2_9B: &str = r#"{"model_type": "gemma2", "vocab_size": 256000, "hidden_size": 3584, "intermediate_size": 14336,
    "num_hidden_layers": 42, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256}"#;
const T5_BASE: &str = r#"{"model_type": "t5", "vocab_size": 32128, "d_model": 768, "d_kv": 64, "d_ff": 3072, "num_layers": 12,
    "num_decoder_layers": 12, "num_heads": 12, "feed_forward_proj": "relu"}"#;
const BERT: &str = r#"{"model_type": "bert", "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12,
    "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 512, "type_vocab_size": 2}"#;
const VIT: &str = r#"{"model_type": "vit", "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
    "intermediate_size": 3072, "image_size": 224, "patch_size": 16, "num_channels": 3, "num_labels": 1000}"#;

const KNOWN: &[Known] = &[
    Known { config: GPT2, total: 124_439_808, active: 124_439_808 },
    Known { config: LLAMA_2_7B, total: 6_738_415_616, active: 6_738_415_616 },
    Known { config: MIXTRAL, total: 46_702_792_704, active: 12_879_925_248 },
    Known { config: QWEN3_MOE, total: 30_532_122_624, active: 3_353_032_704 },
    Known { config: GEMMA_2_9B, total: 9_241_705_984, active: 9_241_705_984 },
    Known { config: T5_BASE, total: 222_903_552, active: 222_903_552 },
    Known { config: BERT, total: 109_514_298, active: 109_514_298 },
    Known { config: VIT, total: 86_567_656, active: 86_567_656 },
    // Mistral-7B-v0.1.
    Known {
        config: r#"{"model_type": "mistral", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336,
            "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8}"#,
        total: 7_241_732_096,
        active: 7_241_732_096,
    },
    // Llama-3.2-1B: tied, and Llama-3.1-70B.
    Known {
        config: r#"{"model_type": "llama", "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 8192,
            "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
            "tie_word_embeddings": true}"#,
        total: 1_235_814_400,
        active: 1_235_814_400,
    },
    Known {
        config: r#"{"model_type": "llama", "vocab_size": 128256, "hidden_size": 8192, "intermediate_size": 28672,
            "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8}"#,
        total: 70_553_706_496,
        active: 70_553_706_496,
    },
    // Qwen2-7B (biases on query, key and value) and Qwen2-0.5B (tied).
    Known {
        config: r#"{"model_type": "qwen2", "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944,
            "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4}"#,
        total: 7_615_616_512,
        active: 7_615_616_512,
    },
    Known {
        config: r#"{"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864,
            "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2, "tie_word_embeddings": true}"#,
        total: 494_032_768,
        active: 494_032_768,
    },
    // Qwen3-8B.
    Known {
        config: r#"{"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 4096, "intermediate_size": 12288,
            "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8}"#,
        total: 8_190_735_360,
        active: 8_190_735_360,
    },
    // Gemma-2B: one key and value head, heads of 256, tied by default.
    Known {
        config: r#"{"model_type": "gemma", "vocab_size": 256000, "hidden_size": 2048, "intermediate_size": 16384,
            "num_hidden_layers": 18, "num_attention_heads": 8, "num_key_value_heads": 1}"#,
        total: 2_506_172_416,
        active: 2_506_172_416,
    },
    // Pythia-70M, OPT-125M, OPT-350M (narrow embedding, no last norm), phi-2, OLMo-1B.
    Known {
        config: r#"{"model_type": "gpt_neox", "vocab_size": 50304, "hidden_size": 512, "intermediate_size": 2048,
            "num_hidden_layers": 6, "num_attention_heads": 8}"#,
        total: 70_426_624,
        active: 70_426_624,
    },
    Known {
        config: r#"{"model_type": "opt", "vocab_size": 50272, "hidden_size": 768, "ffn_dim": 3072,
            "num_hidden_layers": 12, "num_attention_heads": 12, "max_position_embeddings": 2048}"#,
        total: 125_239_296,
        active: 125_239_296,
    },
    Known {
        config: r#"{"model_type": "opt", "vocab_size": 50272, "hidden_size": 1024, "word_embed_proj_dim": 512,
            "ffn_dim": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "max_position_embeddings": 2048,
            "do_layer_norm_before": false}"#,
        total: 331_196_416,
        active: 331_196_416,
    },
    Known {
        config: r#"{"model_type": "phi", "vocab_size": 51200, "hidden_size": 2560, "intermediate_size": 10240,
            "num_hidden_layers": 32, "num_attention_heads": 32}"#,
        total: 2_779_683_840,
        active: 2_779_683_840,
    },
    Known {
        config: r#"{"model_type": "olmo", "vocab_size": 50304, "hidden_size": 2048, "intermediate_size": 8192,
            "num_hidden_layers": 16, "num_attention_heads": 16, "tie_word_embeddings": true}"#,
        total: 1_176_764_416,
        active: 1_176_764_416,
    },
    // T5-v1.1-base: gated, its head not tied.
    Known {
        config: r#"{"model_type": "t5", "vocab_size": 32128, "d_model": 768, "d_kv": 64, "d_ff": 2048, "num_layers": 12,
            "num_decoder_layers": 12, "num_heads": 12, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false}"#,
        total: 247_577_856,
        active: 247_577_856,
    },
];

const KNOWN_FLOPS: &[KnownFlops] = &[
    KnownFlops { config: GPT2, seq_len: 1024, forward: 291_648_307_200.0, within: 1e-3 },
    KnownFlops { config: LLAMA_2_7B, seq_len: 1024, forward: 14_081_050_279_936.0, within: 1e-3 },
    KnownFlops { config: MIXTRAL, seq_len: 1024, forward: 26_658_862_006_272.0, within: 1e-3 },
    KnownFlops { config: QWEN3_MOE, seq_len: 1024, forward: 7_053_946_912_768.0, within: 1e-3 },
    KnownFlops { config: GEMMA_2_9B, seq_len: 1024, forward: 19_647_327_895_552.0, within: 1e-3 },
    KnownFlops { config: T5_BASE, seq_len: 512, forward: 257_194_721_280.0, within: 1e-2 },
    KnownFlops { config: BERT, seq_len: 512, forward: 121_244_221_440.0, within: 1e-2 },
    KnownFlops { config: VIT, seq_len: 197, forward: 35_127_656_448.0, within: 1e-2 },
];

fn counts(config: &str) -> ModelCounts {
    ModelCounts::from_config(config).expect("a config that we read")
}

#[test]
fn parameters_are_equal_to_the_digit() {
    for known in KNOWN {
        let found = counts(known.config);
        assert_eq!((found.params_total, found.params_active), (known.total, known.active), "{}", known.config);
    }
}

#[test]
fn forward_flops_agree_with_a_count_over_the_modules() {
    for known in KNOWN_FLOPS {
        let found = counts(known.config).forward_flops(known.seq_len).flops();
        let off = (found / known.forward - 1.0).abs();
        eprintln!(
            "{:<10} {found:.6e} counted {:.6e}, off {:.4} %",
            counts(known.config).model_type,
            known.forward,
            100.0 * off
        );
        assert!(off <= known.within, "{}: off by {off}", known.config);
    }
}

#[test]
fn a_model_inside_a_larger_one_is_found_with_the_tie_written_outside() {
    let inner = r#"{"vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "model_type": "llama"}"#;
    let outer = format!(r#"{{"model_type": "llava", "text_config": {inner}, "tie_word_embeddings": true}}"#);
    assert_eq!(counts(&outer).params_total, 1_235_814_400);
}

#[test]
fn an_inner_config_leaves_out_what_is_the_librarys_default() {
    // Gemma 3 4B, as its own file has it: heads, their width and the vocabulary are left out.
    let outer = r#"{"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "hidden_size": 2560,
        "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024}, "vision_config": {"hidden_size": 1152}}"#;
    let found = counts(outer);
    assert_eq!(found.params_total, 3_880_263_168);
    assert_eq!(found.left_out.as_deref(), Some("the parts around `text_config` are left out"));
    assert_eq!(counts(r#"{"model_type": "clip"}"#).params_total, 151_277_313);
}

#[test]
fn blocks_that_slide_see_no_more_than_their_window() {
    // Gemma 3 4B: 5 of 34 blocks see all before, the others 1,024 tokens; 8 heads of 256 and 256.
    let config = r#"{"model_type": "gemma3_text", "vocab_size": 262208, "hidden_size": 2560, "intermediate_size": 10240,
        "num_hidden_layers": 34, "num_attention_heads": 8, "sliding_window": 1024}"#;
    let (tokens, window) = (32_768.0, 1024.0);
    let pairs = 5.0 * tokens * tokens / 2.0 + 29.0 * (window * tokens - window * window / 2.0);
    let masked = counts(config).pass.masked_attention_flops(32_768).flops();
    assert!((masked / (2.0 * 8.0 * 512.0 * pairs) - 1.0).abs() < 1e-12);
}

#[test]
fn an_encoder_sees_both_ways_and_its_decoder_back() {
    let bert = counts(BERT);
    assert_eq!(bert.forward_flops_causal(512), bert.forward_flops(512));
    // T5: 12 encoder blocks and 12 looks at the encoder in full, 12 decoder blocks under the mask.
    let t5 = counts(T5_BASE);
    let (full, masked) = (t5.pass.attention_flops(512).flops(), t5.pass.masked_attention_flops(512).flops());
    assert!((masked / full - 2.5 / 3.0).abs() < 1e-12);
}

#[test]
fn dense_blocks_among_sparse_ones_are_counted_dense() {
    let every_other = QWEN3_MOE.replace(r#""decoder_sparse_step": 1"#, r#""decoder_sparse_step": 2"#);
    let by_name = QWEN3_MOE.replace(
        r#""mlp_only_layers": []"#,
        r#""mlp_only_layers": [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46]"#,
    );
    let (sparse, dense) = (2048 * 128 + 128 * 3 * 2048 * 768, 3 * 2048 * 6144);
    assert_eq!(counts(&every_other).params_total, 30_532_122_624 - 24 * (sparse - dense));
    assert_eq!(counts(&by_name), counts(&every_other));
}

#[test]
fn the_three_spellings_of_shared_keys_are_one() {
    let multi_query = LLAMA_2_7B.replace(r#""num_key_value_heads": 32"#, r#""multi_query": true"#);
    let one = LLAMA_2_7B.replace(r#""num_key_value_heads": 32"#, r#""num_kv_heads": 1"#);
    assert_eq!(counts(&multi_query), counts(&one));
    assert_eq!(counts(&one).params_total, 6_738_415_616 - 32 * 2 * 4096 * 31 * 128);
}

#[test]
fn biases_are_counted_where_the_config_asks_for_them() {
    let biased = LLAMA_2_7B.replace(r#""vocab_size""#, r#""attention_bias": true, "mlp_bias": true, "vocab_size""#);
    let more = 32 * (4 * 4096 + 2 * 11008 + 4096);
    assert_eq!(counts(&biased).params_total, 6_738_415_616 + more);
    assert_eq!(counts(&biased).matmul_params, counts(LLAMA_2_7B).matmul_params);
}

#[test]
fn a_causal_mask_halves_the_square_term_alone() {
    let llama = counts(LLAMA_2_7B);
    let (full, causal) = (llama.forward_flops(4096).flops(), llama.forward_flops_causal(4096).flops());
    let multiplied = 2.0 * 4096.0 * llama.matmul_params as f64;
    assert!(((full - multiplied) / (causal - multiplied) - 2.0).abs() < 1e-9);
}
