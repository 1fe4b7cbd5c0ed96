// Stands before dist/tsdirectord.cjs in the single executable, where Node knows only its own modules: the other files of dist/
// are taken from inside the executable when they are asked for, and packages that are not ours to bring from the file system.
'use strict';
{
  const { realpathSync } = require('node:fs');
  const { createRequire, isBuiltin } = require('node:module');
  const { dirname, join, resolve } = require('node:path');
  const { getAsset } = require('node:sea');
  const { compileFunction } = require('node:vm');

  const builtIn = require;
  const loaded = new Map();

  require = (name) => {
    if (isBuiltin(name)) return builtIn(name);
    return name.startsWith('./') ? embedded(name.slice(2)) : installed(name);
  };

  function embedded(file) {
    let module = loaded.get(file);
    if (module === undefined) {
      module = { exports: {} };
      const filename = join(process.execPath, file);
      const parameters = ['exports', 'require', 'module', '__filename', '__dirname'];
      const run = compileFunction(getAsset(file, 'utf8'), parameters, { filename });
      loaded.set(file, module);
      run(module.exports, require, module, filename, process.execPath);
    }
    return module.exports;
  }

  /** Beside the executable (/usr/lib/node_modules for /usr/lib/tsdirectord), where npm installs for all, and in NODE_PATH. */
  function installed(name) {
    const fromHere = createRequire(process.execPath);
    try {
      return fromHere(name);
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
      return createRequire('/usr/local/lib/tsdirectord/')(name);
    }
  }

  // As Node has it for a script: the absolute path by which the program was called. Here it comes as it was typed.
  process.argv[1] = calledAs(process.argv[1]);

  function calledAs(typed) {
    if (typed.includes('/')) return resolve(typed);
    const places = (process.env.PATH ?? '').split(':').map((folder) => join(resolve(folder), typed));
    return places.find(isThis) ?? join(dirname(process.execPath), typed);
  }

  function isThis(path) {
    try {
      return realpathSync(path) === process.execPath;
    } catch {
      return false;
    }
  }
}
