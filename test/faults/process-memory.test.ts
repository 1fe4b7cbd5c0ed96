// Memory limited to 100 MB: 200 servers are checked, and people look at all of them at once. Where control groups can be made the kernel
// keeps the limit; in any case it is asked how much memory there is.
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../until.ts';
import { Director } from './director.ts';

const LIMIT_BYTES = 100_000_000;
const SERVERS = 200;
/** DURATION_MS=30000 for longer. */
const DURATION_MS = Number(process.env.DURATION_MS) || 8_000;

/** Words that put a program under the limit. */
function limited(): string[] {
  for (const [root, name] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const group = join(root, `tsdirectord-test-${process.pid}`);
    const remove = (): boolean => {
      try {
        rmdirSync(group);
        return true;
      } catch {
        return false;
      }
    };
    try {
      mkdirSync(group);
      writeFileSync(join(group, name), String(LIMIT_BYTES));
      onTestFinished(() => until('the end of its processes', remove).then(() => {}));
      return ['sh', '-c', 'echo $$ >"$0/cgroup.procs" && exec "$@"', group];
    } catch {
      remove();
    }
  }
  console.warn('NOT TESTED: that the kernel limits memory, because no control group can be made');
  return [];
}

test('200 servers, and people who look at all of them at once', { timeout: 60_000 + DURATION_MS }, async () => {
  const director = await Director.make({ servers: SERVERS, within: limited() });
  const page = join(director.site.dir, 'page.sock');
  director.configure({ globals: [`statuslisten = ${page}`] });
  expect(await director.run('start')).toMatchObject({ code: 0 });
  await director.reaches(
    director.servers.map(() => 1),
    20_000,
  );
  const started = director.site.lines.length;
  const sockets = new Set<Socket>();
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  /** Half of them read nothing of what they asked for. */
  const ask = (path: string, question: string, reads: boolean): void => {
    const socket = connect(path, () => socket.write(question));
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    if (reads) socket.resume();
  };
  let most = 0;
  const began = performance.now();
  while (performance.now() - began < DURATION_MS) {
    for (let count = 0; count < 8; count++) {
      ask(page, 'GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n', count % 2 === 0);
      ask(join(director.site.dir, 'pid.sock'), '{"op":"show"}\n', count % 2 === 0);
    }
    await pause(250);
    most = Math.max(most, director.memory);
  }
  for (const socket of sockets) socket.destroy();
  await until('show answers', async () =>
    (await director.run('show')).stdout.includes(`${SERVERS} of ${SERVERS} real`),
  );
  expect(most).toBeLessThan(LIMIT_BYTES);
  expect(director.site.lines.slice(started).filter((line) => !/^(Started|The status page is at)/.test(line))).toEqual(
    [],
  );
  await director.checksGoOn();
  await director.stop();
});
