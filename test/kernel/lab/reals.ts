// The machine with the real servers that all cases of compare.test.ts share: what lives at which address.

import type { Behaviour, Listener } from './agent.ts';
import type { Agent } from './agent-client.ts';
import type { MachineSpec } from './network.ts';

/** These answer "found". */
const GOOD = [48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59];
const ERROR = [61, 64, 65, 66];
const OTHER = [60, 62];
/** Nothing listens there; and at 250 there is no machine at all. */
const REFUSED = [63];
/** One per case that has a server fall and rise: good at first. */
const SWITCHED = [69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80];
const GOOD_V6 = ['48', '49', '4a'];
const ERROR_V6 = ['61', '62', '63'];

export const REALS: MachineSpec = {
  name: 'reals',
  addresses: [
    ...[...GOOD, ...ERROR, ...OTHER, ...REFUSED, ...SWITCHED].map((last) => `10.8.8.${last}/24`),
    ...[...GOOD_V6, ...ERROR_V6].map((last) => `fd00:8:8::${last}/64`),
  ],
};

/** Starts all their web servers, on port 80. */
export function serveReals(agent: Agent): Promise<void> {
  const at = (address: string, behaviour: Behaviour): Listener => ({ name: address, address, port: 80, behaviour });
  const v4 = (last: number, behaviour: Behaviour): Listener => at(`10.8.8.${last}`, behaviour);
  const v6 = (last: string, behaviour: Behaviour): Listener => at(`fd00:8:8::${last}`, behaviour);
  return agent.serve(
    ...[...GOOD, ...SWITCHED].map((last) => v4(last, 'ok')),
    ...ERROR.map((last) => v4(last, 'error')),
    ...OTHER.map((last) => v4(last, 'other')),
    ...GOOD_V6.map((last) => v6(last, 'ok')),
    ...ERROR_V6.map((last) => v6(last, 'error')),
  );
}

/** /etc/hosts of the test kernel, which has no name server. */
export const HOSTS = `127.0.0.1 localhost
::1 localhost
10.8.8.45 vip.lab.example
10.8.8.50 real50.lab.example
10.8.8.51 real51.lab.example
fd00:8:8::45 vip6.lab.example
fd00:8:8::48 real48-6.lab.example
`;
