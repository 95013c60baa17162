import math, sys, time, torch, torch.nn.functional as F, os
import torch_flashlight as tf
from triton.testing import do_bench
from torch.nn.attention import SDPBackend, sdpa_kernel
torch._dynamo.config.cache_size_limit = 64
def full(q,k,v): 
    return torch.softmax(q @ k.transpose(-1,-2) / math.sqrt(q.shape[-1]), -1) @ v
def causal(q,k,v):
    s = q @ k.transpose(-1,-2) / math.sqrt(q.shape[-1])
    i = torch.arange(q.shape[-2], device=q.device)[:,None]; j = torch.arange(k.shape[-2], device=q.device)[None]
    return torch.softmax(s.masked_fill(j>i, -math.inf), -1) @ v
def cudnn(q,k,v,c):
    def f():
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION): return F.scaled_dot_product_attention(q,k,v,is_causal=c)
    return f
def rel(a,b): return ((a.double()-b.double()).norm()/b.double().norm()).item()
print(torch.cuda.get_device_name(), flush=True)
sizes=((16,1024),(4,4096),(1,16384)) if len(sys.argv)<2 else ((4,4096),)
for D in (128,64):
    for c,fn in ((0,full),(1,causal)):
        for B,S in sizes:
            H=2048//D
            q,k,v=(torch.randn(B,H,S,D,device='cuda',dtype=torch.bfloat16) for _ in range(3))
            torch._dynamo.reset()
            with torch.no_grad():
                f=torch.compile(fn,backend='flashlight'); t=time.time(); out=f(q,k,v); torch.cuda.synchronize(); t=time.time()-t
                ref=F.scaled_dot_product_attention(q,k,v,is_causal=bool(c))
                fl=4*B*H*S*S*D/(2 if c else 1)
                ours=do_bench(lambda: f(q,k,v),warmup=30,rep=150,return_mode='median'); cd=do_bench(cudnn(q,k,v,bool(c)),warmup=30,rep=150,return_mode='median')
                print(f"D{D} {'causal' if c else 'full'} S{S}: ours {fl/ours/1e9:.0f} cudnn {fl/cd/1e9:.0f} ratio {cd/ours:.3f} err {rel(out,ref):.4f} first {t:.2f}s", flush=True)
print(tf.stats())
