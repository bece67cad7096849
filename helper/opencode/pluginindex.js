// ocgo-key plugin 2
// Written by ocgo-key; your changes to this file will be lost.
//
// tui.js, beside this file, shows toasts. OpenCode 2 loads tui.js only if the folder has an
// index.js.
export default { id: "ocgo-key-notices", setup: async () => {} }
