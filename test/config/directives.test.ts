// The table of directives: complete, documented, and its documented defaults are those that hold.
import { expect, test } from 'vitest';
import { DIRECTIVES, type DirectiveName } from '../../src/config/directives.ts';
import type { Config, Virtual } from '../../src/config/model.ts';
import { configOf } from '../config-of.ts';

const rows = Object.entries(DIRECTIVES);

/** The directives of ldirectord's manual, and `load`, which only its program knows. */
const LDIRECTORD = `autoreload callback checkcommand checkcount checkinterval checkport checktimeout checktype cleanstop
  comment database emailalert emailalertfreq emailalertfrom emailalertstatus execute failurecount fallback fallback6
  fallbackcommand fork httpmethod load logfile login maintenancedir monitorfile negotiatetimeout netmask ops passwd
  persistent protocol quiescent readdquiescent real real6 receive request schedflags scheduler secret service servicename
  smtp supervised virtual virtual6 virtualhost`.split(/\s+/);
const OURS =
  `fastinterval flapdamping logformat sslname sslverify starttls statuslisten statustoken syncdaemon tripwire`.split(
    ' ',
  );

test('every directive of ldirectord has a row, and no other but ours', () => {
  expect(Object.keys(DIRECTIVES).sort()).toEqual([...LDIRECTORD, ...OURS].sort());
});

test.each(rows)('%s is documented', (_, row) => {
  expect(row.syntax).toMatch(/\S/);
  expect(row.doc).toMatch(/^\S.*[.)]$/);
  expect(row.scope === 'global' || row.byDefault !== '').toBe(true);
});

const config = configOf('virtual = 10.8.8.45:8080\n\treal = 10.8.8.48 gate\n\tservice = http\n');
const [virtual] = config.virtuals as [Virtual];
const [real] = virtual.reals;
const spec = real?.check.spec.kind === 'http' ? real.check.spec : undefined;
const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
const seconds = (ms: number | undefined): string => String((ms ?? 0) / 1000);

/** What a configuration that says nothing means, written as the documentation writes it. */
const HOLDS: Partial<Record<DirectiveName, string>> = {
  checkinterval: seconds(virtual.checkIntervalMs),
  checktimeout: `negotiatetimeout, else ${seconds(timeoutOf('connect'))}`,
  negotiatetimeout: `checktimeout, else ${seconds(spec?.timeoutMs)}`,
  failurecount: String(virtual.failureCount),
  fastinterval: virtual.fastIntervalMs === virtual.checkIntervalMs ? 'checkinterval' : '',
  tripwire: yesNo(virtual.tripwire),
  flapdamping: yesNo(virtual.flapDamping),
  checkcount: String(attemptsOf('ping')),
  quiescent: yesNo(virtual.quiescent),
  cleanstop: yesNo(virtual.cleanStop),
  fallbackcommand: virtual.fallbackCommand?.join(' ') ?? 'none',
  emailalert: virtual.alerts.recipients.join() || 'none',
  emailalertfreq: String(virtual.alerts.repeatSeconds),
  emailalertstatus: virtual.alerts.states.length === 4 ? 'all' : virtual.alerts.states.join(),
  readdquiescent: yesNo(config.readdQuiescent),
  autoreload: yesNo(config.autoReload),
  callback: config.callback ?? 'none',
  execute: config.execute.join() || 'none',
  supervised: yesNo(config.supervised),
  logfile: config.log.kind === 'file' ? config.log.path : config.log.facility,
  logformat: config.logFormat,
  maintenancedir: config.maintenanceDir ?? 'none',
  real: `weight ${real?.weight}, the port of the virtual`,
  real6: `weight ${real?.weight}, the port of the virtual`,
  checkcommand: commandOf('external'),
  request: spec?.request ?? '',
  httpmethod: spec?.method ?? '',
  scheduler: virtual.scheduler,
  schedflags: virtual.schedulerFlags.join() || 'none',
  persistent: virtual.persistentSeconds === 0 ? 'off' : String(virtual.persistentSeconds),
  ops: yesNo(virtual.onePacket),
  monitorfile: virtual.monitorFile ?? 'none',
  servicename: virtual.serviceName ?? 'none',
  comment: virtual.comment ?? 'none',
};

function specOf(checkType: string) {
  const other: Config = configOf(`virtual = 10.8.8.45:80\n\treal = 10.8.8.48 gate\n\tchecktype = ${checkType}\n`);
  return other.virtuals[0]?.reals[0]?.check.spec;
}
function timeoutOf(checkType: string): number {
  const found = specOf(checkType);
  return found !== undefined && 'timeoutMs' in found ? found.timeoutMs : 0;
}
function attemptsOf(checkType: string): number {
  const found = specOf(checkType);
  return found?.kind === 'ping' ? found.attempts : 0;
}
function commandOf(checkType: string): string {
  const found = specOf(checkType);
  return found?.kind === 'external' ? found.argv.slice(0, -4).join(' ') : '';
}

test.each(Object.entries(HOLDS))('%s: the documented default is what holds, %j', (name, value) => {
  expect(DIRECTIVES[name as DirectiveName].byDefault).toBe(value);
});
