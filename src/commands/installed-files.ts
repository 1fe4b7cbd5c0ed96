// The files that belong to an installation besides the program: what --print-files lists and the Debian package holds.

export interface InstalledFile {
  /** In the repository and in the npm package. */
  readonly source: string;
  readonly what: string;
  /** Where an administrator links or copies it to. */
  readonly target: string;
  /** Where the Debian package has it, a manual page compressed; undefined: not at all, or in another way. */
  readonly debian?: string;
}

export const INSTALLED_FILES: readonly InstalledFile[] = [
  {
    source: 'bin/tsdirectord',
    what: 'the program, where units and scripts call it',
    target: '/usr/sbin/tsdirectord',
    debian: '/usr/sbin/tsdirectord',
  },
  {
    source: 'systemd/tsdirectord.service',
    what: 'systemd: the daemon for /etc/ha.d/ldirectord.cf',
    target: '/etc/systemd/system/tsdirectord.service',
    debian: '/lib/systemd/system/tsdirectord.service',
  },
  {
    source: 'systemd/tsdirectord@.service',
    what: 'systemd: the daemon for /etc/ha.d/NAME, as tsdirectord@NAME',
    target: '/etc/systemd/system/tsdirectord@.service',
    debian: '/lib/systemd/system/tsdirectord@.service',
  },
  {
    source: 'systemd/ipvs-sync-backup@.service',
    what: 'systemd: receives connections over INTERFACE, as ipvs-sync-backup@INTERFACE',
    target: '/etc/systemd/system/ipvs-sync-backup@.service',
    debian: '/lib/systemd/system/ipvs-sync-backup@.service',
  },
  {
    source: 'systemd/tsdirectord.sysusers',
    what: 'systemd: the user that these run as (then: systemd-sysusers)',
    target: '/etc/sysusers.d/tsdirectord.conf',
    debian: '/usr/lib/sysusers.d/tsdirectord.conf',
  },
  {
    source: 'systemd/tsdirectord.logrotate',
    what: 'logrotate: /var/log/ldirectord.log',
    target: '/etc/logrotate.d/ipvs-tsdirectord',
    debian: '/etc/logrotate.d/ipvs-tsdirectord',
  },
  {
    source: 'heartbeat/resource.d/tsdirectord',
    what: 'Heartbeat: tsdirectord::CONFIG in haresources',
    target: '/etc/ha.d/resource.d/tsdirectord',
    debian: '/etc/ha.d/resource.d/tsdirectord',
  },
  {
    source: 'heartbeat/resource.d/tsdirectord',
    what: 'Heartbeat: ldirectord::CONFIG in haresources, in the place of ldirectord',
    target: '/etc/ha.d/resource.d/ldirectord',
  },
  {
    source: 'heartbeat/ocf/tsdirectord',
    what: 'Pacemaker: ocf:tsdirectord:tsdirectord',
    target: '/usr/lib/ocf/resource.d/tsdirectord/tsdirectord',
    debian: '/usr/lib/ocf/resource.d/tsdirectord/tsdirectord',
  },
  {
    source: 'heartbeat/keepalived/notify',
    what: 'keepalived: the notify script',
    target: '/usr/lib/tsdirectord/keepalived-notify',
    debian: '/usr/lib/tsdirectord/keepalived-notify',
  },
  {
    source: 'heartbeat/keepalived/keepalived.conf',
    what: 'keepalived: an example that calls it',
    target: '/etc/keepalived/keepalived.conf',
    debian: '/usr/share/doc/tsdirectord/examples/keepalived.conf',
  },
  {
    source: 'packaging/examples/ldirectord.cf',
    what: 'an example of a configuration',
    target: '/etc/ha.d/ldirectord.cf',
    debian: '/usr/share/doc/tsdirectord/examples/ldirectord.cf',
  },
  {
    source: 'share/man/man8/tsdirectord.8',
    what: 'manual: man tsdirectord',
    target: '/usr/local/share/man/man8/tsdirectord.8',
    debian: '/usr/share/man/man8/tsdirectord.8.gz',
  },
  {
    source: 'share/man/man5/ldirectord.cf.5',
    what: 'manual: man ldirectord.cf',
    target: '/usr/local/share/man/man5/ldirectord.cf.5',
    debian: '/usr/share/man/man5/ldirectord.cf.5.gz',
  },
  {
    source: 'share/bash-completion/completions/tsdirectord',
    what: 'completion for bash',
    target: '/usr/local/share/bash-completion/completions/tsdirectord',
    debian: '/usr/share/bash-completion/completions/tsdirectord',
  },
  {
    source: 'share/zsh/site-functions/_tsdirectord',
    what: 'completion for zsh',
    target: '/usr/local/share/zsh/site-functions/_tsdirectord',
    debian: '/usr/share/zsh/vendor-completions/_tsdirectord',
  },
  {
    source: 'share/prometheus/alerts.yml',
    what: 'Prometheus: rules that alert',
    target: '/etc/prometheus/tsdirectord-alerts.yml',
    debian: '/usr/share/doc/tsdirectord/examples/prometheus-alerts.yml',
  },
  {
    source: 'share/grafana/tsdirectord.json',
    what: 'Grafana: a dashboard to import',
    target: '/usr/local/share/doc/tsdirectord/grafana.json',
    debian: '/usr/share/doc/tsdirectord/examples/grafana.json',
  },
  {
    source: 'share/tsdirectord/openapi.json',
    what: 'OpenAPI: the HTTP interface of statuslisten, which also serves it',
    target: '/usr/local/share/doc/tsdirectord/openapi.json',
    debian: '/usr/share/doc/tsdirectord/openapi.json',
  },
  {
    source: 'dist/LICENSES',
    what: 'the licences of the packages inside',
    target: '/usr/local/share/doc/tsdirectord/LICENSES',
    debian: '/usr/share/doc/tsdirectord/copyright',
  },
];
