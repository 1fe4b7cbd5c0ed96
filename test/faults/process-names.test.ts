// The name server is gone: at a reload, and while checks ask for names. The real program, the system's own resolver, and a name server on
// loopback.
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Director } from './director.ts';
import { NameServer } from './name-server.ts';

test.each(['is silent', 'fails'] as const)(
  'it %s at a reload: the running configuration stays, and that is said once',
  { timeout: 60_000 },
  async (mood) => {
    const names = await NameServer.start();
    if (names === undefined) return;
    const director = await Director.start({ within: names.within, host: 'web.example' });
    names.mood = mood;
    director.configure({ weight: 2 });
    director.signal('SIGHUP');
    await director.says('Reloading');
    // Meanwhile it does all else.
    const [first] = director.servers;
    if (first !== undefined) first.mood = 'broken';
    await director.reaches([0, 1, 1]);
    expect((await director.run('show')).stdout).toContain('2 of 3 real servers');
    await director.says('the running configuration stays as it is', 15_000);
    await director.checksGoOn();
    expect(director.told('Cannot reload')).toHaveLength(1);
    names.mood = 'answers';
    director.signal('SIGHUP');
    await director.reaches([0, 2, 2], 20_000);
    expect(director.failures.filter((line) => !line.includes(`:${first?.port} `))).toEqual([]);
    await director.stop();
  },
);

test('while checks ask for a name: that says nothing of the servers', { timeout: 60_000 }, async () => {
  const names = await NameServer.start();
  if (names === undefined) return;
  const director = await Director.make({ within: names.within, servers: 6 });
  const [first] = director.servers;
  director.configure({ request: `http://elsewhere.example:${first?.port}/` });
  await director.run('start');
  await director.reaches(director.servers.map(() => 1));
  const started = director.site.lines.length;
  names.mood = 'is silent';
  await director.says('could not be made, which says nothing about the server: no answer');
  await director.says('Nor could the check of', 15_000);
  const asked = names.asked.length;
  await pause(3_000);
  // One name is asked for once at a time, by a resolver that tries each second for both families; its answers are awaited by all.
  expect(names.asked.length - asked).toBeLessThan(40);
  expect((await director.run('show')).stdout).toContain('6 of 6 real servers');
  names.mood = 'answers';
  await director.says('All checks can be made again', 20_000);
  const lines = director.site.lines.slice(started).filter((line) => !line.startsWith('Started'));
  expect(lines.length).toBeLessThan(8);
  expect(lines.filter((line) => line.includes('is down'))).toEqual([]);
  await director.stop();
});
