// Preloaded into the real program (NODE_OPTIONS=--require): counts what it does to the world, and kills it with SIGKILL before the
// KILL_AT-th of these effects. One that writes counts twice: before it, and when half of it is written.
//
//   KILL_WORD   only in a process with this word on its command line
//   KILL_FROM   the signal that counting begins with; from the beginning when empty
//   KILL_AT     which effect; none when empty
//   KILL_LOG    a file that gets a line for each effect
'use strict';
const childProcess = require('node:child_process');
const fs = require('node:fs');
const files = require('node:fs/promises');
const net = require('node:net');

const { KILL_WORD, KILL_FROM, KILL_AT, KILL_LOG } = process.env;
const kill = process.kill.bind(process);
const writeSync = fs.writeSync.bind(fs);

if (process.argv.includes(KILL_WORD)) {
  const log = KILL_LOG ? fs.openSync(KILL_LOG, 'a') : undefined;
  let counts = !KILL_FROM;
  let count = 0;
  if (KILL_FROM) process.prependListener(KILL_FROM, () => (counts = true));

  const point = (what, halfway) => {
    if (!counts) return;
    count++;
    if (log !== undefined) writeSync(log, `${count} ${what.replaceAll('\n', ' ')}\n`);
    if (count !== Number(KILL_AT)) return;
    halfway?.();
    kill(process.pid, 'SIGKILL');
    for (;;);
  };
  const effect = (what) => point(what);
  const writing = (what, fd, data) => {
    effect(what);
    const bytes = Buffer.from(data);
    point(`half of ${what}`, () => writeSync(fd, bytes, 0, bytes.length >> 1));
  };

  const replace = (object, name, wrap) => {
    object[name] = wrap(object[name]);
  };
  const before = (object, names, prefix) => {
    for (const name of names)
      replace(
        object,
        name,
        (original) =>
          function (...args) {
            effect(`${prefix}${name} ${String(args[0]).replace(/\0/g, '@')}`);
            return original.apply(this, args);
          },
      );
  };
  const isForWriting = (flags = 'r') => (typeof flags === 'number' ? (flags & 3) !== 0 : flags !== 'r');

  before(files, ['rename', 'rm', 'unlink', 'mkdir', 'writeFile', 'appendFile', 'chmod'], '');
  before(fs, ['renameSync', 'rmSync', 'unlinkSync', 'mkdirSync', 'writeFileSync', 'appendFileSync'], '');
  before(process, ['exit', 'chdir', 'disconnect'], 'process.');
  before(net.Server.prototype, ['listen', 'close'], 'server.');

  for (const name of ['open', 'openSync'])
    replace(fs, name, (original) => (path, flags, ...more) => {
      if (isForWriting(flags)) effect(`${name} ${path}`);
      return original(path, flags, ...more);
    });
  for (const name of ['write', 'writeSync'])
    replace(fs, name, (original) => (fd, data, ...more) => {
      writing(`${name} to ${fd}`, fd, data);
      return original(fd, data, ...more);
    });

  const written = new WeakSet();
  replace(files, 'open', (original) => async (path, flags, ...more) => {
    if (!isForWriting(flags)) return original(path, flags, ...more);
    effect(`open ${path}`);
    const file = await original(path, flags, ...more);
    written.add(file);
    if (!Object.hasOwn(Object.getPrototypeOf(file), 'isCounted')) countHandles(Object.getPrototypeOf(file));
    return file;
  });
  const countHandles = (prototype) => {
    Object.defineProperty(prototype, 'isCounted', { value: true });
    for (const name of ['writeFile', 'appendFile', 'write'])
      replace(
        prototype,
        name,
        (original) =>
          function (data, ...more) {
            writing(`file.${name}`, this.fd, data);
            return original.call(this, data, ...more);
          },
      );
    for (const name of ['sync', 'datasync', 'close'])
      replace(
        prototype,
        name,
        (original) =>
          function (...args) {
            if (written.has(this)) effect(`file.${name}`);
            return original.apply(this, args);
          },
      );
  };

  replace(childProcess, 'spawn', (original) => (program, args, options) => {
    effect(`spawn ${program} ${args.join(' ')}`);
    const child = original(program, args, options);
    // A pipe takes all of it at once (kill-children.test.ts shows that it can), so that there is no half of it.
    if (child.stdin !== null)
      for (const name of ['write', 'end'])
        replace(
          child.stdin,
          name,
          (original) =>
            function (...input) {
              if (input[0] !== undefined) effect(`input of ${program}`);
              return original.apply(this, input);
            },
        );
    return child;
  });
  replace(process, 'kill', (original) => (pid, signal) => {
    if (signal !== 0) effect(`kill ${pid} ${signal}`);
    return original.call(process, pid, signal);
  });
  if (process.send !== undefined)
    replace(process, 'send', (original) => (...args) => {
      effect(`send ${JSON.stringify(args[0])}`);
      return original.apply(process, args);
    });
}
