// Shell completion, made from the command line's own definition.
import { ACTION_NAMES, ACTIONS, commandLine, ONLY_WITH } from '../../src/commands/command-line.ts';

const command = commandLine('tsdirectord');
const options = command.createHelp().visibleOptions(command);
const namesOf = ({ short, long }: (typeof options)[number]): string[] => [short, long].filter((name) => name != null);
const actionsOf = (long: string | null | undefined): readonly string[] | undefined =>
  ONLY_WITH[(long ?? '').replace(/^--/, '') as keyof typeof ONLY_WITH];

/** What stands behind an option: one of a few words, a configuration, any path, or something else. */
function valueBehind({ flags, argChoices }: (typeof options)[number]): 'none' | 'config' | 'path' | 'other' | string[] {
  const value = /<(.*)>/.exec(flags)?.[1];
  if (value === undefined) return 'none';
  if (argChoices !== undefined) return argChoices;
  return value === 'config' || value === 'path' ? value : 'other';
}

const NOTE = '# Made by test/share/share.test.ts (UPDATE_README=1) from the command line of the program: do not edit.';

export function bashCompletion(): string {
  const behind = options.flatMap((option) => {
    const value = valueBehind(option);
    if (value === 'none') return [];
    const action = Array.isArray(value)
      ? `COMPREPLY=($(compgen -W '${value.join(' ')}' -- "$cur"))`
      : { config: '_tsdirectord_configs "$cur"', path: '_tsdirectord_files "$cur"', other: undefined }[value];
    return [`    ${namesOf(option).join(' | ')})${action === undefined ? '' : ` ${action};`} return ;;`];
  });
  const restricted = options.filter(({ long }) => actionsOf(long) !== undefined);
  const always = options.filter((option) => !restricted.includes(option)).flatMap(namesOf);
  const withAction = restricted.map(
    (option) =>
      `    [[ ' ${actionsOf(option.long)?.join(' ')} ' == *" \${action:-${actionsOf(option.long)?.[0]}} "* ]] && words+=' ${namesOf(option).join(' ')}'`,
  );
  return `${NOTE}
# bash completion for tsdirectord: link or copy it to /etc/bash_completion.d/tsdirectord, or source it.

_tsdirectord_files() {
  local path
  compopt -o filenames 2>/dev/null
  while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen -f -- "$1")
}

_tsdirectord_configs() {
  local path
  for path in /etc/ha.d/*.cf /etc/ha.d/conf/*.cf; do
    path=\${path##*/}
    # ha.cf is Heartbeat's own.
    [[ $path != '*.cf' && $path != ha.cf && $path == "$1"* ]] && COMPREPLY+=("$path")
  done
  _tsdirectord_files "$1"
}

_tsdirectord() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} word action=
  COMPREPLY=()
  # --ipvs=memory comes as three words.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $prev in
${behind.join('\n')}
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${ACTION_NAMES.join(' | ')}) action=$word ;; esac
  done
  if [[ $cur == -* ]]; then
    local words='${always.join(' ')}'
${withAction.join('\n')}
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  elif [[ -z $action ]]; then
    COMPREPLY=($(compgen -W '${ACTION_NAMES.join(' ')}' -- "$cur"))
    _tsdirectord_configs "$cur"
  fi
}

complete -F _tsdirectord tsdirectord
`;
}

/** Inside single quotes. */
const quoted = (text: string): string => text.replaceAll("'", "'\\''");

export function zshCompletion(): string {
  const specs = options.map((option) => {
    const names = namesOf(option);
    const value = valueBehind(option);
    const word = /<(.*)>/.exec(option.flags)?.[1];
    const explained = `[${quoted(option.description).replace(/[[\]:]/g, '\\$&')}]`;
    const behind =
      value === 'none'
        ? ''
        : `:${word}:${Array.isArray(value) ? `(${value.join(' ')})` : { config: '_tsdirectord_configs', path: '_files', other: '' }[value]}`;
    return names.length === 1
      ? `    '${names[0]}${explained}${behind}'`
      : `    '(${names.join(' ')})'{${names.join(',')}}'${explained}${behind}'`;
  });
  const actions = Object.entries(ACTIONS).map(([name, meaning]) => `    '${name}:${quoted(meaning)}'`);
  return `#compdef tsdirectord
${NOTE}
# zsh completion for tsdirectord: link or copy it as _tsdirectord into a directory of $fpath.

_tsdirectord_configs() {
  local -a configs
  # ha.cf is Heartbeat's own.
  configs=(\${\${(f)"$(print -rl -- /etc/ha.d/*.cf(N:t) /etc/ha.d/conf/*.cf(N:t))"}:#ha.cf})
  _alternative "configurations:configuration:(\${(j: :)\${(q)configs}})" 'files:file:_files'
}

_tsdirectord_words() {
  local -a actions
  actions=(
${actions.join('\n')}
  )
  (( \${words[(I)(${ACTION_NAMES.join('|')})]} )) && return
  _describe -t actions action actions
  _tsdirectord_configs
}

_arguments -s -S \\
${specs.join(' \\\n')} \\
    '*:action or configuration:_tsdirectord_words'
`;
}
