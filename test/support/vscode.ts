/** As much of `vscode` as the extension's pure parts need; everything else is tested in a real VS Code. */
export const l10n = {
  t: (message: string, ...args: unknown[]) => message.replace(/\{(\d+)\}/g, (_, index) => String(args[Number(index)])),
};

export const workspace = { asRelativePath: (uri: { path: string }) => uri.path.replace(/^\/workspace\//, "") };

export class Disposable {
  readonly dispose: () => void;
  constructor(dispose: () => void) {
    this.dispose = dispose;
  }
}
