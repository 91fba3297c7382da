"""What `kvprep init` writes into a new store."""

TEMPLATE = """\
# Settings of this store. Environment variables go before them, flags before both. Remove a # to set one.
# Paths are meant from this file's folder.

# namespace = "default"

# What opens the store is named in the environment, or in a file elsewhere that --config names: not in the store.
# key_file = "~/.config/kvprep/keys/mine.key"
# passphrase_file = "/run/secrets/words"        # its first line opens the store where the key file is not there

[model]
# name = "HuggingFaceTB/SmolLM2-135M-Instruct"  # hub id, folder or GGUF file; the bundled model without it
# device = "auto"                               # auto, cpu, cuda, mps
# dtype = "auto"                                # auto, bfloat16, float16, float32
# adapter = "my-lora"                           # folder of a LoRA adapter in PEFT's format

[ingest]
# preamble = "preamble.txt"                     # text that is put before every document; a file beside this one
# jobs = 2                                      # reading processes
# include = ["*.pdf", "*.docx"]
# exclude = ["drafts/*"]
# max_bytes = "20GB"                            # budget for new keys and values; half of the free space without it
# refuse_hidden = true                          # no documents that hide text from a human reader
# worth = 2                                     # compute only what past look-ups promise so many reads
# codec = "auto"                                # none, lossless (a third smaller, slower to load), auto (what loads
#                                               # faster on this disk)

[ttl]
# default = "30d"                               # 90s, 15m, 12h, 30d, 2w or none
# "contracts/*" = "365d"                        # for paths that match; the first match counts

[ask]
# max_new_tokens = 128
# shadow = 0.01                                 # share of the answers that are computed again, and compared

[gc]
# idle = false                                  # keep what nobody asks for, whatever its rent
# max_bytes = "200GB"                           # over it, what is worth least goes

[prices]
# device = "l4"                                 # cpu, a10g, l4, rtx4090, a100, h100; what this machine has without it
# storage = "object"                            # nvme, block, object, object-remote, network; nvme without it
# tariff = "gpt-5.4"                            # a hosted API's price for tokens, in place of the device's for seconds
# device_hour = 0.12                            # or a price by itself: also storage_gb_month, transfer_gb, input_mtok,
#                                               # cached_input_mtok, currency
# table = "prices.toml"                         # a table of your own in place of the packaged one
"""
