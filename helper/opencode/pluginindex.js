// ocgo-key plugin 2
// Written by ocgo-key; what is changed here is lost.
//
// OpenCode 2 loads the tui.js of a folder, which shows toasts, only where an index.js is beside it.
export default { id: "ocgo-key-notices", setup: async () => {} }
