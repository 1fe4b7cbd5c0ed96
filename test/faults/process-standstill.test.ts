// The daemon's process stands still, and goes on: what was under way says nothing of the servers. The real program and real servers.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../until.ts';
import { Director } from './director.ts';

/** Longer than every timeout of the checks; PAUSE_MS=60000 for a minute. */
const PAUSE_MS = Number(process.env.PAUSE_MS) || 4_000;

describe('SIGSTOP', () => {
  test('checks that were under way do not count; those of a server that is gone do', {
    timeout: 60_000 + PAUSE_MS,
  }, async () => {
    const director = await Director.start({ servers: 12 });
    const [first, ...others] = director.servers;
    // All of them are asked and have not answered when it stops.
    for (const server of director.servers) server.mood = 'hang';
    const waiting = async () =>
      (await Promise.all(director.servers.map((server) => server.connections()))).every((count) => count > 0);
    await until('a check of each under way', waiting);
    director.signal('SIGSTOP');
    // They answer well, or let go of it, or are gone while nobody listens.
    for (const [index, server] of director.servers.entries()) {
      server.mood = index === 0 ? 'broken' : 'ok';
      if (index % 2 === 0) server.closeConnections();
    }
    await pause(PAUSE_MS);
    director.signal('SIGCONT');
    await director.reaches([0, ...others.map(() => 1)]);
    await director.checksGoOn();
    expect(director.failures.filter((line) => !line.includes(`:${first?.port} `))).toEqual([]);
    expect(director.told('stood still')).toHaveLength(1);
    expect((await director.run('status')).code).toBe(0);
    if (first !== undefined) first.mood = 'ok';
    await director.reaches(director.servers.map(() => 1));
    await director.stop();
  });
});
