// The control socket: one question, one answer; only for its owner; nobody can hold or flood the daemon through it.
import { statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { UsageError } from '../../src/errors.ts';
import { askDaemon, type Handlers, JsonText, listenForControl, socketPath } from '../../src/status/control.ts';
import { NOISE_MS } from '../noise.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

test.each([
  ['/var/run/ldirectord.ldirectord.cf.pid', '/run/tsdirectord/ldirectord.cf.sock'],
  ['/run/ldirectord.a.pid', '/run/tsdirectord/a.sock'],
  ['/tmp/x/try.pid', '/tmp/x/try.sock'],
])('the socket of %s is %s', (pidFile, socket) => {
  expect(socketPath(pidFile)).toBe(socket);
});

async function listen(handlers: Handlers) {
  const path = join(scratch(), 'sub', 'a.sock');
  const control = await listenForControl(path, handlers);
  onTestFinished(() => control.close());
  return { path, control, ask: (op: string) => askDaemon(path, { op }, NOISE_MS) };
}

describe('asking', () => {
  test('the answer, and the error in words', async () => {
    const { ask } = await listen({
      show: () => ({ a: 'ü'.repeat(300_000) }),
      fail: () => Promise.reject(new Error('it has errors')),
    });
    expect(await ask('show')).toEqual({ a: 'ü'.repeat(300_000) });
    await expect(ask('fail')).rejects.toThrow('it has errors');
    await expect(ask('toString')).rejects.toThrow('this daemon does not know "toString"');
  });

  test('an error brings its exit code, and what is to be read before it', async () => {
    const { ask } = await listen({
      broken: () => Promise.reject(new UsageError('it has 1 error', 2, { details: 'a.cf:1:1: error: "x"\n    1 | x' })),
      usage: () => Promise.reject(new UsageError('not so', 1)),
      fault: () => Promise.reject(new TypeError('x is not a function')),
    });
    const told = (op: string) => ask(op).catch((error: UsageError) => ({ ...error, message: error.message }));
    expect(await told('broken')).toMatchObject({
      code: 'USAGE',
      message: 'it has 1 error',
      exitCode: 2,
      details: 'a.cf:1:1: error: "x"\n    1 | x',
    });
    expect(await told('usage')).toMatchObject({ message: 'not so', exitCode: 1, details: undefined });
    expect(await told('fault')).toMatchObject({ code: 'USAGE', message: 'x is not a function', exitCode: 1 });
    expect(await told('nonsense')).toMatchObject({ exitCode: 1 });
  });

  test('a daemon of an earlier version, which tells no exit code, has failed all the same', async () => {
    const path = join(scratch(), 'a.sock');
    const server = createServer((socket) => socket.on('error', () => {}).end('{"error":"it has errors"}\n'));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(() => void server.close());
    const asked = askDaemon(path, { op: 'reload' }, NOISE_MS);
    await expect(asked).rejects.toMatchObject({ message: 'it has errors', exitCode: 1 });
  });

  test('an answer may take its time, but not for ever', async () => {
    const { path } = await listen({ never: () => new Promise(() => {}) });
    await expect(askDaemon(path, { op: 'never' }, 100)).rejects.toThrow('the daemon did not answer within 0.1 s');
  });

  test('nobody there', async () => {
    const path = join(scratch(), 'a.sock');
    await expect(askDaemon(path, { op: 'show' }, NOISE_MS)).rejects.toMatchObject({ code: 'ENOENT' });
    writeFileSync(path, '');
    await expect(askDaemon(path, { op: 'show' }, NOISE_MS)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('listening', () => {
  test('for nobody else, also where something lies in the way; the path goes with it', async () => {
    const { path, control } = await listen({});
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await control.close();
    expect(() => statSync(path)).toThrow('ENOENT');
    writeFileSync(path, 'left behind');
    const again = await listenForControl(path, { show: () => 1 });
    expect(await askDaemon(path, { op: 'show' }, NOISE_MS)).toBe(1);
    await again.close();
  });

  test.each([
    ['garbage', 'GET / HTTP/1.1\n', '{"error":'],
    ['an endless question', 'x'.repeat(10_000), ''],
    ['a question that is none', '[]\n', '{"error":'],
    ['null', 'null\n', '{"error":'],
  ])('%s harms nobody', async (_, text, said) => {
    const { path, ask } = await listen({ show: () => 1 });
    let heard = '';
    let closed = false;
    const socket = connect(path);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      heard += chunk;
    });
    socket.on('close', () => {
      closed = true;
    });
    socket.write(text);
    await until('the end', () => closed);
    expect(heard.startsWith(said)).toBe(true);
    expect(await ask('show')).toBe(1);
  });

  test('whoever connects and says nothing does not keep it from ending', async () => {
    const { path, control } = await listen({});
    const sockets = Array.from({ length: 10 }, () => connect(path).on('error', () => {}));
    await until('all connected', () => sockets.every(({ readyState }) => readyState === 'open'));
    await control.close();
    await until('all closed', () => sockets.every(({ destroyed }) => destroyed));
  });
});

describe('an answer in pieces', () => {
  test('is one', async () => {
    async function* pieces() {
      yield '{"virt';
      yield 'ü":';
      for (let i = 0; i < 500; i++) yield ' '.repeat(1_000);
      yield '[1,2]}';
    }
    const { ask } = await listen({ show: () => new JsonText(pieces()), next: () => 1 });
    expect(await ask('show')).toEqual({ virtü: [1, 2] });
    expect(await ask('show')).toEqual({ virtü: [1, 2] });
  });

  test('that breaks off is none, and the daemon goes on', async () => {
    async function* broken() {
      yield '{"a":';
      throw new Error('a fault of ours');
    }
    const { ask } = await listen({ show: () => new JsonText(broken()), other: () => 1 });
    await expect(ask('show')).rejects.toThrow('the daemon closed the connection without an answer');
    expect(await ask('other')).toBe(1);
  });

  test('whoever does not take it costs one piece and is sent away', async () => {
    let made = 0;
    let ended = false;
    async function* endless() {
      try {
        for (; made < 100_000; made++) yield 'x'.repeat(64 * 1024);
      } finally {
        ended = true;
      }
    }
    const { path } = await listen({ show: () => new JsonText(endless()) });
    const socket = connect(path).on('error', () => {});
    onTestFinished(() => void socket.destroy());
    socket.pause().write('{"op":"show"}\n');
    await until('it has begun', () => made > 0);
    await until('it is given up', () => ended, undefined, 12_000);
    expect(made).toBeLessThan(64);
  });

  test('whoever goes away in the middle of it is nobody’s trouble', async () => {
    let ended = false;
    async function* endless() {
      try {
        for (;;) yield 'x'.repeat(64 * 1024);
      } finally {
        ended = true;
      }
    }
    const { path, ask } = await listen({ show: () => new JsonText(endless()), other: () => 1 });
    const socket = connect(path).on('error', () => {});
    socket.once('data', () => socket.destroy());
    socket.write('{"op":"show"}\n');
    await until('it is given up', () => ended);
    expect(await ask('other')).toBe(1);
  });

  test('a question that drips is not waited for', async () => {
    const { path, ask } = await listen({ other: () => 1 });
    let closed = false;
    const socket = connect(path).on('error', () => {});
    socket.on('close', () => {
      closed = true;
    });
    const drip = setInterval(() => socket.write(' '), 200);
    onTestFinished(() => clearInterval(drip));
    await until('the end', () => closed, undefined, 12_000);
    expect(await ask('other')).toBe(1);
  });

  test('what comes in a question that is too long is not done', async () => {
    let done = 0;
    const { path, ask } = await listen({ drain: () => ++done, other: () => 1 });
    let closed = false;
    const socket = connect(path).on('error', () => {});
    socket.on('close', () => {
      closed = true;
    });
    socket.write(`${JSON.stringify({ op: 'drain', virtual: 'x'.repeat(5_000) })}\n`);
    await until('the end', () => closed);
    expect(await ask('other')).toBe(1);
    expect(done).toBe(0);
  });
});
