// What node runs inside the test kernel: the suites named in $LAB_SUITES (`article scale compare:1/2`), all in one process,
// because starting node costs most of a second in there.
const SUITES: Readonly<Record<string, () => Promise<unknown>>> = {
  article: () => import('../article.test.ts'),
  scale: () => import('../scale.test.ts'),
  traffic: () => import('../traffic.test.ts'),
  services: () => import('../services.test.ts'),
  clients: () => import('../clients.test.ts'),
  crash: () => import('../crash.test.ts'),
  compare: () => import('../compare.test.ts'),
  status: () => import('../../../bench/status.ts'),
  'side-by-side': () => import('../../../bench/side-by-side.ts'),
  heartbeat: () => import('../heartbeat.test.ts'),
  pacemaker: () => import('../pacemaker.test.ts'),
  keepalived: () => import('../keepalived.test.ts'),
  systemd: () => import('../systemd.test.ts'),
};

for (const name of new Set((process.env.LAB_SUITES ?? '').split(' ').map((word) => word.replace(/:.*/, '')))) {
  const suite = SUITES[name];
  if (suite === undefined) throw new Error(`no kernel test suite named '${name}': ${Object.keys(SUITES).join(', ')}`);
  await suite();
}
