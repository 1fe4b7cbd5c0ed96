// What is used of undici without its types: llhttp, compiled to WebAssembly.
declare module 'undici/lib/llhttp/llhttp-wasm.js' {
  const bytes: Uint8Array;
  export default bytes;
}

declare namespace WebAssembly {
  class Module {}
  class Instance {
    constructor(module: Module, imports: object);
    readonly exports: object;
  }
  function compile(bytes: Uint8Array): Promise<Module>;
}
