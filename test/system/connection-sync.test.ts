// The master that synchronises connections, through a stand-in for ipvsadm: started, found running, exchanged, stopped, refused.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IpvsError } from '../../src/errors.ts';
import { IpvsadmSync, NO_SYNC } from '../../src/system/connection-sync.ts';
import { scratch } from '../scratch.ts';
import { FakeIpvsadm } from './fake-ipvsadm.ts';

function setUp(master = '') {
  const fake = new FakeIpvsadm(scratch());
  fake.sync = master;
  return { fake, sync: new IpvsadmSync(fake.path) };
}

const on = (name: string, syncId = 0) => ({ interface: name, syncId });
const START = '--start-daemon master --mcast-interface eth1 --syncid 7';

describe('start', () => {
  test('one call where none runs', async () => {
    const { fake, sync } = setUp();
    await sync.start(on('eth1', 7));
    expect(fake.sync).toBe('eth1 7');
    expect(fake.calls).toEqual([START]);
  });

  test('one that runs so already is left, as a killed director left it', async () => {
    const { fake, sync } = setUp('eth1 7');
    await sync.start(on('eth1', 7));
    expect(fake.sync).toBe('eth1 7');
    expect(fake.calls).toEqual([START, '-L --daemon']);
  });

  test.each(['eth0 7', 'eth1 8', 'eth11 7', 'eth1 70'])('one that runs as %s is exchanged', async (master) => {
    const { fake, sync } = setUp(master);
    await sync.start(on('eth1', 7));
    expect(fake.sync).toBe('eth1 7');
    expect(fake.calls).toEqual([START, '-L --daemon', '--stop-daemon master', START]);
  });

  test('a backup that listens on this machine is no master', async () => {
    const { fake, sync } = setUp();
    fake.backup = 'eth1 7';
    await sync.start(on('eth1', 7));
    expect(fake.sync).toBe('eth1 7');
    await expect(setUpWithBackup().start(on('gone0'))).rejects.toThrow('No such device');
  });

  function setUpWithBackup(): IpvsadmSync {
    const { fake, sync } = setUp();
    fake.backup = 'gone0 0';
    return sync;
  }

  test('a refusal is told with the command and its words', async () => {
    const { fake, sync } = setUp();
    const refused = sync.start(on('gone0', 3));
    await expect(refused).rejects.toThrow(IpvsError);
    await expect(refused).rejects.toThrow(
      `"${fake.path} --start-daemon master --mcast-interface gone0 --syncid 3" failed: No such device`,
    );
  });

  test('a refusal after the old one was stopped, too', async () => {
    const { fake, sync } = setUp('eth0 7');
    await expect(sync.start(on('gone0'))).rejects.toThrow('No such device');
    expect(fake.sync).toBe('');
  });

  test('one that cannot be exchanged', async () => {
    const { fake, sync } = setUp('eth0 7');
    fake.illness = 'refuse';
    await expect(sync.start(on('eth1', 7))).rejects.toThrow('--stop-daemon master" failed: Operation not permitted');
    expect(fake.sync).toBe('eth0 7');
  });
});

describe('stop', () => {
  test('the master, and no backup', async () => {
    const { fake, sync } = setUp('eth1 7');
    await sync.stop();
    expect(fake.sync).toBe('');
    expect(fake.calls).toEqual(['--stop-daemon master']);
  });

  test('nothing to stop', async () => {
    const { fake, sync } = setUp();
    fake.backup = 'eth1 7';
    await sync.stop();
    expect(fake.calls).toEqual(['--stop-daemon master', '-L --daemon']);
  });

  test('a refusal', async () => {
    const { fake, sync } = setUp('eth1 7');
    fake.illness = 'refuse';
    const stopped = sync.stop();
    await expect(stopped).rejects.toThrow(IpvsError);
    await expect(stopped).rejects.toThrow(`"${fake.path} --stop-daemon master" failed: Operation not permitted`);
  });
});

test('a kernel without IPVS is told with its words', async () => {
  const { fake, sync } = setUp();
  fake.illness = 'broken';
  await expect(sync.start(on('eth1', 7))).rejects.toThrow("failed: Can't initialize ipvs: Protocol not available");
});

test('a missing ipvsadm', async () => {
  const program = join(scratch(), 'ipvsadm');
  const sync = new IpvsadmSync(program);
  for (const asked of [sync.start(on('eth1')), sync.stop()]) {
    await expect(asked).rejects.toThrow(IpvsError);
    await expect(asked).rejects.toThrow(`cannot run ${program}: spawn ${program} ENOENT`);
  }
});

test('a table in memory has nothing to synchronise', async () => {
  await NO_SYNC.start(on('eth1'));
  await NO_SYNC.stop();
});
