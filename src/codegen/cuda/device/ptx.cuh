// One function, one instruction (or one idiom) of NVIDIA GPUs. Nothing here knows about attention.
#pragma once
