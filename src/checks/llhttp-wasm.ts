// llhttp compiled to WebAssembly, which undici brings; in the build a file of its own, because a status does without it.
import bytes from 'undici/lib/llhttp/llhttp-wasm.js';

export { bytes };
