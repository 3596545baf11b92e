#!/usr/bin/env python3
"""Counts models with the library's own modules: the truth that tests/counts.tsv and tests/configs.rs hold us to.

Needs `pip install transformers torch` (the versions used stand in the first line of both outputs). Writes
  crates/greenwich-estimate/tests/counts.tsv                one config a line with its counts
  crates/greenwich-estimate/src/architecture/defaults.tsv   what the library takes where a config leaves a key out

Parameters are counted on the meta device: unique ones, buffers not counted. Forward FLOPs are those of
torch.utils.flop_counter over a real pass of a small model on the CPU with eager attention (so S x S in full, whatever
the mask) and experts one by one; norms, activations, look-ups and element-wise scans count nothing there.

    python scripts/dev/count_models.py              all
    python scripts/dev/count_models.py llama t5     these alone, to the terminal
"""

import dataclasses
import json
import os
import random
import re
import sys
import warnings
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
warnings.filterwarnings("ignore")

import torch
import transformers
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

torch.set_num_threads(1)
torch.manual_seed(0)

# Keys that have no bearing on a count.
NO_MATTER = re.compile(
    r"dropout|drop_path|pdrop|layerdrop|init|eps$|epsilon|token_id|use_cache|rope|rotary_|aux|jitter|mask_|_act$|"
    r"activation|summary|softcapping|scal|multiplier|output_|ctc|tdnn|diversity|contrastive|num_negatives|stride|"
    r"classifier|deterministic|sparse_pred|norm_topk|topk_group|topk_method|pretraining_tp|clip_qkv|device|"
    r"time_step_(min|max|floor|limit)|kernels|mambapy|associative|logits|z_loss|median_filter|suppress|"
    r"_out_|reshape_hidden|problem_type|dtype|_name_or_path|chunk_size_feed|pool_scales|semantic|bos|eos|pad|is_decoder|"
    r"afn|add_cross|residual_in|quantizer|legacy_cache|expert_capacity|relative_attention_max|slow_but|router_(z|d|i)|swiglu"
)
MATTER = {"layer_scale_init_value", "use_mask_token", "qk_rope_head_dim", "use_swiglu_ffn", "lm_head_bias", "router_bias",
          "block_ffn_dim_multiplier",
          "no_rope_layer_interval"}
# A config must say these itself; the library would take those of its own first model for a missing one.
SIZES = [
    "vocab_size", "hidden_size", "n_embd", "d_model", "dim", "num_hidden_layers", "n_layer", "n_layers", "num_layers",
    "num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads", "intermediate_size", "ffn_dim", "d_ff",
    "hidden_dim", "encoder_layers", "decoder_layers", "embed_dim", "depths", "hidden_sizes",
]
LAYERS = {"num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers"}
INNER = {"intermediate_size", "n_inner", "ffn_dim", "d_ff", "hidden_dim", "encoder_ffn_dim", "decoder_ffn_dim",
         "moe_intermediate_size", "shared_expert_intermediate_size", "intermediate_size_mlp", "ffn_hidden_size"}
# Matrices that are no plain layer's weight and yet multiply every token.
MULTIPLIES = re.compile(r"experts\.|router|gate\.weight$|\.gate$|input_linear|output_linear|conv1d\.weight|in_proj_weight|"
                        r"visual_projection|text_projection|pooler.*in_proj|rg_lru\.\w+_gate_weight|ffn\.experts")

TEXT = dict(vocab_size=1003, hidden_size=192, num_hidden_layers=4, num_attention_heads=6, max_position_embeddings=128)
DENSE = dict(TEXT, intermediate_size=328)
GQA = dict(DENSE, num_key_value_heads=2)
GPT = dict(vocab_size=1003, n_embd=192, n_layer=3, n_head=6, n_positions=128)
BERT = dict(DENSE, type_vocab_size=2)
VIT = dict(hidden_size=192, num_hidden_layers=3, num_attention_heads=6, intermediate_size=328, image_size=64, patch_size=16)
BART = dict(vocab_size=1003, d_model=192, encoder_layers=3, decoder_layers=2, encoder_attention_heads=6,
            decoder_attention_heads=4, encoder_ffn_dim=328, decoder_ffn_dim=264, max_position_embeddings=128)
T5 = dict(vocab_size=1003, d_model=192, d_kv=40, d_ff=328, num_layers=3, num_decoder_layers=2, num_heads=6)
CLIP = dict(
    text_config=dict(vocab_size=1003, hidden_size=128, intermediate_size=328, num_hidden_layers=3, num_attention_heads=4,
                     max_position_embeddings=77),
    vision_config=dict(hidden_size=192, intermediate_size=320, num_hidden_layers=2, num_attention_heads=6, image_size=64,
                       patch_size=16),
)
SIGLIP = dict(text_config=dict(CLIP["text_config"], hidden_size=192, num_attention_heads=6), vision_config=CLIP["vision_config"])
MAMBA = dict(vocab_size=1003, hidden_size=192, num_hidden_layers=3)
UNTIED, TIED, BIASED = dict(tie_word_embeddings=False), dict(tie_word_embeddings=True), dict(attention_bias=True)


def with_nested(base, **nested):
    """The base with changes inside its parts."""
    return {key: dict(base[key], **nested.get(key, {})) for key in base}


# model_type: (class, small config, changes to it one by one)
TYPES = {
    "llama": ("LlamaForCausalLM", GQA, [{}, TIED, dict(head_dim=40), dict(num_key_value_heads=6), dict(BIASED, mlp_bias=True)]),
    "mistral": ("MistralForCausalLM", GQA, [{}, TIED, dict(head_dim=40, sliding_window=None)]),
    "ministral": ("MinistralForCausalLM", dict(GQA, head_dim=32), [{}, TIED, dict(head_dim=40)]),
    "arcee": ("ArceeForCausalLM", GQA, [{}, TIED, dict(BIASED, mlp_bias=True, head_dim=40)]),
    "apertus": ("ApertusForCausalLM", GQA, [{}, TIED, BIASED]),
    "helium": ("HeliumForCausalLM", dict(GQA, head_dim=32), [{}, TIED, dict(BIASED, mlp_bias=True)]),
    "seed_oss": ("SeedOssForCausalLM", GQA, [{}, dict(attention_out_bias=True, mlp_bias=True), dict(attention_bias=False, head_dim=40), TIED]),
    "hunyuan_v1_dense": ("HunYuanDenseV1ForCausalLM", dict(GQA, head_dim=32), [{}, TIED, dict(BIASED, head_dim=40)]),
    "granite": ("GraniteForCausalLM", GQA, [{}, TIED, dict(BIASED, mlp_bias=True)]),
    "smollm3": ("SmolLM3ForCausalLM", dict(GQA, pad_token_id=0), [{}, UNTIED, dict(BIASED, mlp_bias=True), dict(use_sliding_window=True, sliding_window=32)]),
    "qwen2": ("Qwen2ForCausalLM", GQA, [{}, TIED, dict(num_key_value_heads=6), dict(use_sliding_window=True, sliding_window=16, max_window_layers=2)]),
    "qwen3": ("Qwen3ForCausalLM", GQA, [{}, TIED, dict(head_dim=40), BIASED]),
    "gemma": ("GemmaForCausalLM", GQA, [{}, UNTIED, dict(head_dim=40), BIASED]),
    "gemma2": ("Gemma2ForCausalLM", GQA, [{}, UNTIED, dict(head_dim=40, sliding_window=16), BIASED]),
    "gemma3_text": ("Gemma3ForCausalLM", dict(GQA, num_hidden_layers=7), [{}, UNTIED, dict(head_dim=40, sliding_window=16), BIASED]),
    "phi": ("PhiForCausalLM", DENSE, [{}, dict(num_key_value_heads=2), dict(qk_layernorm=True)]),
    "phi3": ("Phi3ForCausalLM", dict(GQA, pad_token_id=0), [{}, TIED, dict(sliding_window=16), dict(num_key_value_heads=6)]),
    "olmo": ("OlmoForCausalLM", GQA, [{}, TIED, BIASED]),
    "olmo2": ("Olmo2ForCausalLM", GQA, [{}, TIED, BIASED]),
    "olmo3": ("Olmo3ForCausalLM", dict(GQA, num_hidden_layers=5), [{}, TIED, BIASED]),
    "stablelm": ("StableLmForCausalLM", GQA, [{}, TIED, dict(use_qkv_bias=True), dict(qk_layernorm=True), dict(use_parallel_residual=True)]),
    "starcoder2": ("Starcoder2ForCausalLM", GQA, [{}, UNTIED, dict(use_bias=False), dict(sliding_window=16)]),
    "cohere": ("CohereForCausalLM", GQA, [{}, UNTIED, dict(use_qk_norm=True), BIASED]),
    "cohere2": ("Cohere2ForCausalLM", dict(GQA, num_hidden_layers=5), [{}, UNTIED, BIASED, dict(head_dim=40)]),
    "nemotron": ("NemotronForCausalLM", GQA, [{}, TIED, dict(BIASED, mlp_bias=True), dict(head_dim=40)]),
    "persimmon": ("PersimmonForCausalLM", DENSE, [{}, TIED, dict(qk_layernorm=False)]),
    "exaone4": ("Exaone4ForCausalLM", dict(GQA, num_hidden_layers=5), [{}, TIED, dict(head_dim=40)]),
    "glm": ("GlmForCausalLM", dict(GQA, pad_token_id=0), [{}, TIED, dict(attention_bias=False, head_dim=40)]),
    "glm4": ("Glm4ForCausalLM", dict(GQA, pad_token_id=0), [{}, TIED, dict(attention_bias=False, head_dim=40)]),
    "ernie4_5": ("Ernie4_5ForCausalLM", GQA, [{}, UNTIED, dict(use_bias=True), dict(head_dim=40)]),
    "gpt2": ("GPT2LMHeadModel", GPT, [{}, UNTIED, dict(n_inner=328)]),
    "openai-gpt": ("OpenAIGPTLMHeadModel", GPT, [{}, UNTIED]),
    "gpt_neo": ("GPTNeoForCausalLM", dict(vocab_size=1003, hidden_size=192, num_layers=4, num_heads=6, max_position_embeddings=128,
                                        attention_types=[[["global", "local"], 2]]), [{}, UNTIED, dict(intermediate_size=328)]),
    "gpt_neox": ("GPTNeoXForCausalLM", DENSE, [{}, TIED, dict(attention_bias=False), dict(use_parallel_residual=False)]),
    "gptj": ("GPTJForCausalLM", dict(GPT, rotary_dim=16), [{}, TIED, dict(n_inner=328)]),
    "gpt_bigcode": ("GPTBigCodeForCausalLM", GPT, [{}, UNTIED, dict(multi_query=False), dict(n_inner=328)]),
    "codegen": ("CodeGenForCausalLM", dict(GPT, n_head=8, rotary_dim=16), [{}, TIED, dict(n_inner=328)]),
    "opt": ("OPTForCausalLM", dict(TEXT, ffn_dim=328), [{}, UNTIED, dict(word_embed_proj_dim=96, do_layer_norm_before=False),
            dict(enable_bias=False), dict(layer_norm_elementwise_affine=False), dict(_remove_final_layer_norm=True)]),
    "bloom": ("BloomForCausalLM", dict(vocab_size=1003, hidden_size=192, n_layer=3, n_head=6), [{}, UNTIED]),
    "falcon": ("FalconForCausalLM", TEXT, [{}, UNTIED, dict(multi_query=False), dict(new_decoder_architecture=True, num_kv_heads=2),
               dict(bias=True), dict(parallel_attn=False, alibi=True), dict(new_decoder_architecture=True, num_kv_heads=2, num_ln_in_parallel_attn=1),
               dict(ffn_hidden_size=328)]),
    "mpt": ("MptForCausalLM", dict(vocab_size=1003, d_model=192, n_layers=3, n_heads=6, max_seq_len=128), [{}, UNTIED, dict(expansion_ratio=3)]),
    "xglm": ("XGLMForCausalLM", dict(vocab_size=1003, d_model=192, num_layers=3, attention_heads=6, ffn_dim=328, max_position_embeddings=128), [{}, UNTIED]),
    "biogpt": ("BioGptForCausalLM", DENSE, [{}, UNTIED]),
    "ministral3": ("Ministral3ForCausalLM", GQA, [{}, TIED, dict(head_dim=40, sliding_window=16)]),
    "cwm": ("CwmForCausalLM", dict(GQA, num_hidden_layers=5), [{}, TIED, dict(head_dim=40, mlp_bias=True)]),
    "bitnet": ("BitNetForCausalLM", GQA, [{}, TIED, BIASED]),
    "vaultgemma": ("VaultGemmaForCausalLM", dict(GQA, num_hidden_layers=5), [{}, UNTIED, dict(BIASED, head_dim=40)]),
    # Mixtures of experts.
    "mixtral": ("MixtralForCausalLM", GQA, [{}, TIED, dict(num_local_experts=5, num_experts_per_tok=3, head_dim=40)]),
    "qwen2_moe": ("Qwen2MoeForCausalLM", dict(GQA, num_hidden_layers=5, moe_intermediate_size=72, shared_expert_intermediate_size=104, num_experts=6, num_experts_per_tok=2),
                  [{}, TIED, dict(decoder_sparse_step=2), dict(mlp_only_layers=[0, 3]), dict(qkv_bias=False)]),
    "qwen3_moe": ("Qwen3MoeForCausalLM", dict(GQA, num_hidden_layers=5, moe_intermediate_size=72, num_experts=6, num_experts_per_tok=2),
                  [{}, TIED, dict(decoder_sparse_step=2), dict(mlp_only_layers=[0, 3], head_dim=40), BIASED]),
    "olmoe": ("OlmoeForCausalLM", dict(GQA, num_experts=6, num_experts_per_tok=2), [{}, TIED, BIASED]),
    "phimoe": ("PhimoeForCausalLM", dict(GQA, num_local_experts=4, num_experts_per_tok=2), [{}, TIED, dict(BIASED, lm_head_bias=True)]),
    "granitemoe": ("GraniteMoeForCausalLM", dict(GQA, num_local_experts=6, num_experts_per_tok=2), [{}, TIED, BIASED]),
    "granitemoeshared": ("GraniteMoeSharedForCausalLM", dict(GQA, num_local_experts=6, num_experts_per_tok=2), [{}, dict(shared_intermediate_size=104), TIED]),
    "gpt_oss": ("GptOssForCausalLM", dict(GQA, num_local_experts=6, num_experts_per_tok=2), [{}, TIED, dict(attention_bias=False, head_dim=40)]),
    "deepseek_v2": ("DeepseekV2ForCausalLM", dict(DENSE, moe_intermediate_size=72, n_routed_experts=6, num_experts_per_tok=2, n_group=1, topk_group=1, kv_lora_rank=48,
                    q_lora_rank=56, qk_nope_head_dim=24, qk_rope_head_dim=16, v_head_dim=40), [{}, dict(q_lora_rank=None, first_k_dense_replace=1), dict(n_shared_experts=1), TIED, BIASED]),
    "deepseek_v3": ("DeepseekV3ForCausalLM", dict(DENSE, num_key_value_heads=6, moe_intermediate_size=72, n_routed_experts=8, num_experts_per_tok=2, n_group=2, topk_group=1, kv_lora_rank=48,
                    q_lora_rank=56, qk_nope_head_dim=24, qk_rope_head_dim=16, v_head_dim=40), [{}, dict(q_lora_rank=None, first_k_dense_replace=1), dict(n_shared_experts=2, first_k_dense_replace=0), TIED, BIASED]),
    "glm4_moe": ("Glm4MoeForCausalLM", dict(GQA, moe_intermediate_size=72, n_routed_experts=8, num_experts_per_tok=2), [{}, dict(use_qk_norm=True), dict(BIASED, first_k_dense_replace=2, n_shared_experts=2), dict(head_dim=40)]),
    "dots1": ("Dots1ForCausalLM", dict(GQA, moe_intermediate_size=72, n_routed_experts=8, num_experts_per_tok=2, n_shared_experts=2), [{}, dict(first_k_dense_replace=1), dict(BIASED, n_shared_experts=1), TIED]),
    "ernie4_5_moe": ("Ernie4_5_MoeForCausalLM", dict(GQA, moe_intermediate_size=72, moe_num_experts=8, moe_k=2), [{}, dict(moe_layer_start_index=2), dict(moe_num_shared_experts=0, use_bias=True), UNTIED, dict(moe_layer_interval=2)]),
    "llama4_text": ("Llama4ForCausalLM", dict(GQA, intermediate_size_mlp=424, num_local_experts=4, head_dim=40), [{}, dict(interleave_moe_layer_step=2), dict(use_qk_norm=False, moe_layers=[1]), dict(BIASED, num_experts_per_tok=4), dict(num_experts_per_tok=2), TIED]),
    "dbrx": ("DbrxForCausalLM", dict(vocab_size=1003, d_model=192, n_heads=6, n_layers=3, max_seq_len=128, attn_config=dict(kv_n_heads=2, rope_theta=10000.0, clip_qkv=8.0), ffn_config=dict(ffn_hidden_size=104, moe_num_experts=6, moe_top_k=2)),
             [{}, dict(ffn_config=dict(ffn_hidden_size=72, moe_num_experts=4, moe_top_k=1))]),
    "jetmoe": ("JetMoeForCausalLM", dict(vocab_size=1003, hidden_size=192, num_hidden_layers=3, num_key_value_heads=3, kv_channels=40, intermediate_size=104, num_local_experts=6, num_experts_per_tok=2, max_position_embeddings=128), [{}, UNTIED]),
    "minimax_m2": ("MiniMaxM2ForCausalLM", dict(GQA, num_local_experts=6, num_experts_per_tok=2), [{}, TIED, dict(head_dim=40)]),
    "hunyuan_v1_moe": ("HunYuanMoEV1ForCausalLM", dict(GQA, head_dim=32, num_experts=6, moe_topk=2), [{}, TIED, dict(BIASED, head_dim=40)]),
    "exaone_moe": ("ExaoneMoeForCausalLM", dict(GQA, num_hidden_layers=5, moe_intermediate_size=72, num_experts=6, num_experts_per_tok=2), [{}, dict(first_k_dense_replace=2, num_shared_experts=2), TIED]),
    "glm4_moe_lite": ("Glm4MoeLiteForCausalLM", dict(DENSE, num_key_value_heads=6, moe_intermediate_size=72, n_routed_experts=8, num_experts_per_tok=2, kv_lora_rank=48,
                      q_lora_rank=56, qk_nope_head_dim=24, qk_rope_head_dim=16, v_head_dim=40), [{}, dict(q_lora_rank=None), dict(BIASED, mlp_layer_types=["dense", "dense", "sparse", "dense"])]),
    # State spaces and hybrids.
    "mamba": ("MambaForCausalLM", MAMBA, [{}, dict(use_bias=True), dict(use_conv_bias=False, state_size=8, expand=3), dict(time_step_rank=20, conv_kernel=3)]),
    "falcon_mamba": ("FalconMambaForCausalLM", MAMBA, [{}, dict(use_bias=True), dict(use_conv_bias=False, state_size=8), dict(time_step_rank=20, conv_kernel=3, tie_word_embeddings=False)]),
    "mamba2": ("Mamba2ForCausalLM", dict(MAMBA, num_heads=6, head_dim=64, n_groups=2, state_size=24), [{}, dict(use_bias=True), dict(use_conv_bias=False, n_groups=1), TIED]),
    "jamba": ("JambaForCausalLM", dict(GQA, num_hidden_layers=8, num_experts=4, num_experts_per_tok=2, attn_layer_period=4, attn_layer_offset=2, mamba_d_state=8, use_mamba_kernels=False),
              [{}, dict(mamba_proj_bias=True, expert_layer_period=4, expert_layer_offset=3), TIED, dict(mamba_dt_rank=20, mamba_conv_bias=False)]),
    "bamba": ("BambaForCausalLM", dict(GQA, mamba_n_heads=6, mamba_n_groups=2, mamba_d_state=24, attn_layer_indices=[1]), [{}, dict(BIASED, mlp_bias=True, mamba_proj_bias=True), TIED]),
    "granitemoehybrid": ("GraniteMoeHybridForCausalLM", dict(GQA, mamba_n_heads=6, mamba_n_groups=2, mamba_d_state=24, num_local_experts=4, layer_types=["mamba", "attention", "mamba", "mamba"]),
                         [{}, dict(num_local_experts=0), dict(TIED, mamba_proj_bias=True)]),
    "qwen3_next": ("Qwen3NextForCausalLM", dict(GQA, moe_intermediate_size=72, shared_expert_intermediate_size=104, num_experts=6, num_experts_per_tok=2, head_dim=40, linear_key_head_dim=24, linear_value_head_dim=32, linear_num_key_heads=2, linear_num_value_heads=4),
                   [{}, dict(mlp_only_layers=[1]), TIED, dict(BIASED, decoder_sparse_step=2)]),
    "falcon_h1": ("FalconH1ForCausalLM", dict(GQA, mamba_d_ssm=384, mamba_n_heads=6, mamba_n_groups=2, mamba_d_state=24, head_dim=40), [{}, dict(BIASED, mlp_bias=True, mamba_proj_bias=True, mamba_rms_norm=True), TIED]),
    "lfm2": ("Lfm2ForCausalLM", dict(GQA, layer_types=["conv", "conv", "full_attention", "conv"]), [{}, dict(conv_bias=True, conv_L_cache=4), dict(block_auto_adjust_ff_dim=False), UNTIED]),
    "recurrent_gemma": ("RecurrentGemmaForCausalLM", dict(GQA, num_key_value_heads=1), [{}, BIASED, dict(lru_width=240)]),
    "qwen3_5_text": ("Qwen3_5ForCausalLM", dict(GQA, head_dim=40, linear_key_head_dim=24, linear_value_head_dim=32, linear_num_key_heads=2, linear_num_value_heads=4), [{}, TIED, dict(BIASED, layer_types=["full_attention", "linear_attention", "full_attention", "linear_attention"])]),
    "qwen3_5_moe_text": ("Qwen3_5MoeForCausalLM", dict(TEXT, num_key_value_heads=2, moe_intermediate_size=72, shared_expert_intermediate_size=104, num_experts=6, num_experts_per_tok=2, head_dim=40, linear_key_head_dim=24, linear_value_head_dim=32, linear_num_key_heads=2, linear_num_value_heads=4), [{}, TIED, BIASED]),
    "lfm2_moe": ("Lfm2MoeForCausalLM", dict(GQA, moe_intermediate_size=72, num_experts=6, num_experts_per_tok=2, layer_types=["conv", "conv", "full_attention", "conv"]), [{}, dict(num_dense_layers=1, conv_bias=True), UNTIED]),
    # Encoders.
    "bert": ("BertForMaskedLM", BERT, [{}, dict(type_vocab_size=3), UNTIED]),
    "roberta": ("RobertaForMaskedLM", BERT, [{}, dict(type_vocab_size=1, max_position_embeddings=514), UNTIED]),
    "xlm-roberta": ("XLMRobertaForMaskedLM", BERT, [{}, dict(type_vocab_size=1)]),
    "camembert": ("CamembertForMaskedLM", BERT, [{}, dict(type_vocab_size=1)]),
    "ernie": ("ErnieForMaskedLM", BERT, [{}, dict(use_task_id=True), UNTIED]),
    "megatron-bert": ("MegatronBertForMaskedLM", BERT, [{}, UNTIED]),
    "distilbert": ("DistilBertForMaskedLM", dict(vocab_size=1003, dim=192, hidden_dim=328, n_layers=3, n_heads=6, max_position_embeddings=128), [{}, dict(sinusoidal_pos_embds=True), UNTIED]),
    "electra": ("ElectraForPreTraining", dict(BERT, embedding_size=64), [{}, dict(embedding_size=192)]),
    "albert": ("AlbertForMaskedLM", dict(BERT, embedding_size=64), [{}, UNTIED, dict(num_hidden_groups=2), dict(inner_group_num=2)]),
    "deberta": ("DebertaForMaskedLM", DENSE, [{}, UNTIED, dict(relative_attention=True, pos_att_type=["c2p", "p2c"], max_relative_positions=-1), dict(relative_attention=True, pos_att_type=["p2c"], position_biased_input=False, type_vocab_size=2), dict(legacy=False)]),
    "deberta-v2": ("DebertaV2ForMaskedLM", DENSE, [{}, UNTIED, dict(relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=32, norm_rel_ebd="layer_norm", share_att_key=True, position_biased_input=False),
                   dict(relative_attention=True, pos_att_type=["c2p"], conv_kernel_size=3, conv_act="gelu"), dict(relative_attention=True, pos_att_type=["c2p", "p2c"], embedding_size=96), dict(legacy=False)]),
    "mpnet": ("MPNetForMaskedLM", DENSE, [{}, UNTIED, dict(relative_attention_num_buckets=16)]),
    "modernbert": ("ModernBertForMaskedLM", dict(DENSE, pad_token_id=0, cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2), [{}, dict(BIASED, mlp_bias=True, norm_bias=True), dict(decoder_bias=False, tie_word_embeddings=False)]),
    # Encoders with decoders.
    "t5": ("T5ForConditionalGeneration", T5, [{}, dict(feed_forward_proj="gated-gelu"), dict(relative_attention_num_buckets=16, num_decoder_layers=None)]),
    "mt5": ("MT5ForConditionalGeneration", T5, [{}, dict(feed_forward_proj="relu")]),
    "umt5": ("UMT5ForConditionalGeneration", T5, [{}, dict(feed_forward_proj="relu")]),
    "switch_transformers": ("SwitchTransformersForConditionalGeneration", dict(T5, num_layers=4, num_decoder_layers=4, num_sparse_encoder_layers=2, num_sparse_decoder_layers=1), [{}, dict(num_experts=3, num_sparse_encoder_layers=4), dict(router_bias=True)]),
    "bart": ("BartForConditionalGeneration", BART, [{}, UNTIED]),
    "mbart": ("MBartForConditionalGeneration", BART, [{}, UNTIED]),
    "pegasus": ("PegasusForConditionalGeneration", BART, [{}, UNTIED]),
    "plbart": ("PLBartForConditionalGeneration", BART, [{}, UNTIED]),
    "blenderbot": ("BlenderbotForConditionalGeneration", BART, [{}]),
    "marian": ("MarianMTModel", dict(BART, pad_token_id=0, decoder_start_token_id=0), [{}, UNTIED]),
    "m2m_100": ("M2M100ForConditionalGeneration", BART, [{}, UNTIED]),
    "led": ("LEDForConditionalGeneration", dict({k: v for k, v in BART.items() if k != "max_position_embeddings"}, max_encoder_position_embeddings=256, max_decoder_position_embeddings=128, attention_window=16), [{}]),
    "whisper": ("WhisperForConditionalGeneration", dict(vocab_size=1003, d_model=192, encoder_layers=3, decoder_layers=2, encoder_attention_heads=6, decoder_attention_heads=4, encoder_ffn_dim=328,
                decoder_ffn_dim=264, max_source_positions=150, max_target_positions=64, num_mel_bins=40, pad_token_id=0, bos_token_id=1, eos_token_id=1, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None), [{}, dict(num_mel_bins=128), UNTIED]),
    # Images.
    "vit": ("ViTForImageClassification", VIT, [{}, dict(qkv_bias=False, num_channels=1), dict(num_labels=10, patch_size=8)]),
    "deit": ("DeiTForImageClassification", VIT, [{}, dict(qkv_bias=False), dict(num_labels=10)]),
    "beit": ("BeitForImageClassification", VIT, [{}, dict(use_absolute_position_embeddings=True), dict(use_relative_position_bias=True), dict(use_shared_relative_position_bias=True, layer_scale_init_value=0.0), dict(use_mask_token=True, use_mean_pooling=False)]),
    "dinov2": ("Dinov2Model", dict(hidden_size=192, num_hidden_layers=3, num_attention_heads=6, image_size=56, patch_size=14), [{}, dict(use_swiglu_ffn=True), dict(mlp_ratio=3, qkv_bias=False, use_mask_token=False)]),
    "dinov2_with_registers": ("Dinov2WithRegistersModel", dict(hidden_size=192, num_hidden_layers=3, num_attention_heads=6, image_size=56, patch_size=14), [{}, dict(use_swiglu_ffn=True, num_register_tokens=3)]),
    "swin": ("SwinForImageClassification", dict(image_size=56, patch_size=2, embed_dim=48, depths=[2, 1, 2], num_heads=[2, 4, 6], window_size=7), [{}, dict(qkv_bias=False, num_labels=10), dict(use_absolute_embeddings=True, mlp_ratio=3.0)]),
    "convnext": ("ConvNextForImageClassification", dict(hidden_sizes=[32, 64, 96], depths=[2, 1, 3], num_stages=3, image_size=64), [{}, dict(layer_scale_init_value=0.0, num_labels=10), dict(patch_size=2, num_channels=1)]),
    "resnet": ("ResNetForImageClassification", dict(embedding_size=16, hidden_sizes=[32, 64, 96], depths=[2, 1, 3], image_size=64), [{}, dict(layer_type="basic", num_labels=10), dict(downsample_in_first_stage=True), dict(downsample_in_bottleneck=True)]),
    "clip": ("CLIPModel", CLIP, [{}, dict(projection_dim=96), with_nested(CLIP, vision_config=dict(patch_size=8))]),
    "siglip": ("SiglipModel", SIGLIP, [{}, with_nested(SIGLIP, vision_config=dict(patch_size=8))]),
}

# Published models: parameters alone.
PUBLISHED = [
    ("gpt_oss", dict(vocab_size=201088, hidden_size=2880, num_hidden_layers=24, num_attention_heads=64, num_local_experts=32, intermediate_size=2880)),
    ("whisper", dict(vocab_size=51866, num_mel_bins=128, d_model=1280, encoder_layers=32, decoder_layers=32, encoder_attention_heads=20,
                     decoder_attention_heads=20, encoder_ffn_dim=5120, decoder_ffn_dim=5120)),
    ("bloom", dict(vocab_size=250880, hidden_size=14336, n_layer=70, n_head=112)),
    ("dbrx", dict(d_model=6144, n_heads=48, n_layers=40, max_seq_len=32768, vocab_size=100352,
                  attn_config=dict(kv_n_heads=8, clip_qkv=8, rope_theta=500000), ffn_config=dict(ffn_hidden_size=10752, moe_num_experts=16, moe_top_k=4))),
    ("deberta-v2", dict(vocab_size=128100, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, relative_attention=True,
                        position_buckets=256, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type="p2c|c2p", position_biased_input=False)),
    ("gemma3_text", dict(vocab_size=262208, hidden_size=2560, intermediate_size=10240, num_hidden_layers=34, num_attention_heads=8)),
]
# The library cannot build its own default of these.
NO_DEFAULT = {"dots1", "deepseek_v2", "glm4_moe", "ministral", "hunyuan_v1_dense", "hunyuan_v1_moe", "lfm2_moe", "nemotron", "dbrx"}
# A scan in chunks works on whole ones of 64 or 256 tokens, and sums over all pairs of them, which no kernel does.
CHUNKED = {"mamba2", "bamba", "granitemoehybrid", "falcon_h1", "qwen3_next", "qwen3_5_text", "qwen3_5_moe_text"}
LENGTH = 48
IMAGES = {"vit", "deit", "beit", "dinov2", "dinov2_with_registers", "swin", "convnext", "resnet"}
PAIRS = {"t5", "mt5", "umt5", "switch_transformers", "bart", "mbart", "pegasus", "marian", "m2m_100", "led", "plbart", "blenderbot"}
BOTH = {"clip", "siglip"}
EXPERTS = {"jetmoe": r"(experts|mlp)\.(input|output)_linear"}


def build(model_type, fields, device):
    """A model of these fields, with plain attention and one expert after the other."""
    config = CONFIG_MAPPING[model_type](**json.loads(json.dumps(fields)))
    config._attn_implementation = "eager"
    for part in [config, *(getattr(config, key, None) for key in ("text_config", "vision_config"))]:
        if part is not None and not isinstance(part, dict):
            part._attn_implementation = "eager"
            part._experts_implementation = "eager"
    with torch.device(device):
        return getattr(transformers, TYPES[model_type][0])(config).eval(), config


def chosen_of(config):
    """Experts there are, and those that a token passes."""
    ffn = getattr(config, "ffn_config", None)
    if ffn is not None and hasattr(ffn, "moe_num_experts"):
        return ffn.moe_num_experts, ffn.moe_top_k
    total = next((getattr(config, key) for key in ("n_routed_experts", "num_local_experts", "moe_num_experts", "num_experts") if getattr(config, key, None)), None)
    k = getattr(config, "num_experts_per_tok", None) or getattr(config, "moe_k", None) or getattr(config, "moe_topk", None) or 1
    return total, k


def count(model_type, model, config):
    """Unique parameters by what a token does with them."""
    multiply = (nn.Linear, nn.Conv1d, nn.Conv2d, transformers.pytorch_utils.Conv1D)
    weights = {id(m.weight) for m in model.modules() if isinstance(m, multiply)}
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    experts = re.compile(EXPERTS.get(model_type, r"\.experts\."))
    total, k = chosen_of(config)
    if model_type == "switch_transformers":
        k = 1
    out = dict(total=0, active=0, looked_up=0, multiplied=0)
    if getattr(config, "legacy", True) is False:
        weights.add(id(model.get_input_embeddings().weight))  # DeBERTa's newer head multiplies with the embedding itself.
    odd = []
    for name, p in model.named_parameters():
        n = p.numel()
        out["total"] += n
        routed = total and experts.search(name)
        active = n * k // total if routed else n
        out["active"] += active
        if "_global." in name:
            pass  # Of the few tokens that see all; no token of ours does.
        elif id(p) in weights:
            out["multiplied"] += active
        elif id(p) in tables:
            out["looked_up"] += active
        elif name.endswith("bias") or "_bias" in name and not name.endswith("table"):
            pass
        elif p.ndim >= 2 and (routed or MULTIPLIES.search(name)):
            out["multiplied"] += active
        elif p.ndim >= 2 and re.search(r"pos_embed|position_embed|relative_position_bias_table|position_embeddings|cls_token|mask_token|probe|distillation_token|register_tokens", name):
            out["looked_up"] += active
        elif p.ndim >= 2:
            odd.append(f"{name}{list(p.shape)}")
    return out, odd


def inputs(model_type, config):
    """One sequence, one image, or one of each."""
    ids = torch.randint(5, 900, (1, 256 if model_type in CHUNKED else LENGTH))
    if model_type in IMAGES:
        side = config.image_size if hasattr(config, "image_size") else 64
        side = side if isinstance(side, int) else side[0]
        return dict(pixel_values=torch.randn(1, config.num_channels, side, side))
    if model_type == "whisper":
        return dict(input_features=torch.randn(1, config.num_mel_bins, 2 * config.max_source_positions), decoder_input_ids=ids)
    if model_type in PAIRS:
        return dict(input_ids=ids, decoder_input_ids=ids)
    if model_type in BOTH:
        side = config.vision_config.image_size
        return dict(input_ids=ids, pixel_values=torch.randn(1, 3, side, side))
    return dict(input_ids=ids)


def tokens(model_type, config):
    """Tokens of the sequence that the pass takes in."""
    if model_type in {"vit", "deit", "beit", "dinov2", "dinov2_with_registers"}:
        beside = {"deit": 2, "dinov2_with_registers": 1 + getattr(config, "num_register_tokens", 0)}
        return (config.image_size // config.patch_size) ** 2 + beside.get(model_type, 1)
    return 256 if model_type in CHUNKED else LENGTH


def flops(model_type, fields):
    """FLOPs of one forward pass, and its tokens."""
    model, config = build(model_type, fields, "cpu")
    with FlopCounterMode(display=False) as counter:
        model(**inputs(model_type, config))
    return counter.get_total_flops(), tokens(model_type, config)


def defaults(model_type):
    """What the library takes for each key that matters."""
    config = CONFIG_MAPPING[model_type]
    own = {f.name for f in dataclasses.fields(config)} - {f.name for f in dataclasses.fields(transformers.PretrainedConfig)}
    found = {}
    for field in dataclasses.fields(config):
        if field.name != "tie_word_embeddings" and (
            field.name not in own or NO_MATTER.search(field.name) and field.name not in MATTER):
            continue
        value = field.default
        if value is dataclasses.MISSING or value is None:
            continue
        found[field.name] = list(value) if isinstance(value, tuple) else value
    if model_type in {"t5", "umt5"}:
        found["tie_word_embeddings"] = True  # Of the class itself.
    return found


def shown(model_type, fields):
    """The config as it stands in the table."""
    return json.dumps({"model_type": model_type, **fields})


def drawn(model_type):
    """Two configs by lot: some of the changes at once, and other sizes; the same on every run."""
    _, small, changes = TYPES[model_type]
    lot = random.Random(model_type)
    for _ in range(2):
        fields = dict(small)
        for change in changes:
            if lot.random() < 0.5:
                fields.update(change)
        for key, value in fields.items():
            if key == "vocab_size":
                fields[key] = lot.randrange(901, 2000)
            elif key in LAYERS and not any(isinstance(other, list) for other in fields.values()):
                fields[key] = value and value + lot.randrange(3)
            elif key in INNER:
                fields[key] = 8 * lot.randrange(20, 60)
        yield fields


def rows(model_type):
    """Configs of a type, and whether a pass over them is measured."""
    _, small, changes = TYPES[model_type]
    base = defaults(model_type)
    if model_type in BOTH:
        yield {}, False
    elif model_type not in NO_DEFAULT:
        sizes = {key: base[key] for key in SIZES if key in base}
        yield sizes, False
    yield from ((fields, False) for published, fields in PUBLISHED if published == model_type)
    for change in changes:
        yield {**small, **change}, True
    yield from ((fields, True) for fields in drawn(model_type))


def main(wanted):
    stamp = f"transformers {transformers.__version__}, torch {torch.__version__}"
    lines, failures = [], []
    for model_type in wanted or TYPES:
        for fields, measured in rows(model_type):
            try:
                model, config = build(model_type, fields, "meta")
                found, odd = count(model_type, model, config)
            except Exception as error:
                failures.append(f"{model_type} {shown(model_type, fields)[:200]}: {type(error).__name__} {str(error)[:200]}")
                continue
            if odd:
                failures.append(f"{model_type}: not classed: {odd[:6]}")
            forward, length = "", ""
            if model_type == "llama4_text" and config.num_experts_per_tok < config.num_local_experts:
                measured = False  # The library's own pass sends every token through every expert.
            if measured:
                try:
                    forward, length = flops(model_type, fields)
                except Exception as error:
                    failures.append(f"{model_type} no FLOPs: {type(error).__name__} {str(error)[:160]}")
            values = [model_type, *found.values(), length, forward, shown(model_type, fields)]
            lines.append("\t".join(str(value) for value in values))
    for failure in failures:
        print("!", failure, file=sys.stderr)
    head = "model_type\ttotal\tactive\tlooked_up\tmultiplied\ttokens\tforward_flops\tconfig"
    if wanted:
        print("\n".join([head, *lines]))
        return
    crate = Path(__file__).resolve().parents[2] / "crates/greenwich-estimate"
    note = f"# Made by scripts/dev/count_models.py with {stamp}."
    (crate / "tests/counts.tsv").write_text("\n".join([note, head, *lines, ""]))
    nested = ["clip_text_model", "clip_vision_model", "siglip_text_model", "siglip_vision_model"]
    table = [f"{t}\t{json.dumps(defaults(t))}" for t in sorted([*TYPES, *nested])]
    (crate / "src/architecture/defaults.tsv").write_text("\n".join([note, "model_type\tdefaults", *table, ""]))


if __name__ == "__main__":
    main(sys.argv[1:])
