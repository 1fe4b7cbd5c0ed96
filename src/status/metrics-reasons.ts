// Which of a few kinds a failed check's reason is of: reasons themselves are free text, and each text would be a series of its own.

/** The first whose pattern fits the beginning of our own words; what a server said comes behind them. */
const KINDS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['timeout', /^(no answer|connection timed out|the resolver does not answer|\d+ datagrams came, but no answer)/],
  ['refused', /^connection refused/],
  ['closed', /^(connection (reset|aborted|closed)|the server hangs up)/],
  ['unreachable', /^(no route to host|host is down|network is|no local address|not permitted)/],
  ['name', /^(name not found|\S+ has no address)/],
  ['tls', /^(TLS |certificate |the port does not speak TLS|STARTTLS |StartTLS |the server does not offer STARTTLS)/],
  ['http_status', /^HTTP \d{3}/],
  ['command', /^(exit \d|killed by |cannot run |the command of the last run)/],
  [
    'malformed',
    /^(not an? [A-Z]|broken |the answer (is not|does not end)|the answer's header is over|the server (sent|spoke|announces|does not stop))/,
  ],
  ['answer', /^(\S+ refused: |\d{3} |SIP\/2|[A-Z]{6,} for )/],
  ['mismatch', /(does not match|matches|no row|no \w+ record|is nil|is not OK)/],
];

/** Every value of the label `reason`, but `director`: what the director lacked when a check could not be made. */
export const REASONS: readonly string[] = [...KINDS.map(([kind]) => kind), 'other'];

export function reasonKind(detail: string): string {
  return KINDS.find(([, pattern]) => pattern.test(detail))?.[0] ?? 'other';
}
