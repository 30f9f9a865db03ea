/** Which of this process's Node options its workers get. */

/** Options that say how modules are found and loaded; others are of the process (`--max-old-space-size`), or refused by workers. */
const INHERITED =
  /^(?:--conditions|-C|--import|--require|-r|--loader|--experimental-loader|--enable-source-maps|--no-warnings|--preserve-symlinks)(?:=|$)/;
const WITH_VALUE = /^(?:--conditions|-C|--import|--require|-r|--loader|--experimental-loader)$/;

/** tsx is left out: it costs a worker 200 ms, and is loaded by those that meet TypeScript (workers/typescript.mjs). */
export function inheritedExecArgv(execArgv: readonly string[] = process.execArgv): string[] {
  const inherited: string[] = [];
  for (let i = 0; i < execArgv.length; i++) {
    const option = execArgv[i] as string;
    const words = WITH_VALUE.test(option) ? [option, execArgv[++i] ?? ""] : [option];
    if (INHERITED.test(option) && !words.some((word) => /[\\/]tsx[\\/]|(?:^|=)tsx$/.test(word)))
      inherited.push(...words);
  }
  return inherited;
}
