// The part of plugin.js for OpenCode 2.

// setup is the plugin of OpenCode 2. It throws no error, because OpenCode would then continue with
// other keys. It awaits only OpenCode's own registry, because everything that it awaits delays each
// client.
async function setup(ctx) {
  if (!ctx?.app || !ctx.session?.hook || !ctx.provider || second()) return // this is OpenCode 1, or another copy was loaded first
  shared.setups++
  const each = async (task) => {
    try {
      await task()
    } catch (e) {
      complain(`this OpenCode supports only a part of the plugin: ${e.message}`)
    }
  }
  if (!underRun() && !gone()) {
    shared.args = ["gateway", "--parent-pipe", "--lease", "conversation"]
    exempt()
    gateway().catch(() => {})
    await each(() => ctx.session.hook("http.request", (event) => redirect(event, ctx.location?.directory), { providerID: PROVIDER }))
    await each(() => ctx.provider.transform(attach))
  }
  await each(() => ctx.shell.hook("create.before", ({ env }) => {
    env.OCGO_KEY_AGENT_SHELL = "1"
    clear(env)
  }))
  await each(() => ctx.integration.transform(offer))
  return () => {
    shared.setups--
    // If the plugin was reloaded, setup runs again at once and uses this gateway. If the plugin was
    // removed, the gateway must end.
    setTimeout(() => shared.setups > 0 || shared.child?.stdin.end(), PATIENCE).unref?.()
  }
}

// attach declares that the provider needs no credential. OpenCode then adds neither a stored
// credential nor the key from an environment variable to requests.
function attach(providers) {
  if (!providers.get(PROVIDER)) return
  providers.update(PROVIDER, (provider) => {
    provider.activation = "enabled"
    provider.integrationID = "ocgo-key"
    provider.settings = { ...provider.settings, baseURL: NOWHERE, apiKey: PLACEHOLDER }
  })
}

// redirect sets the address and key of each request, after all other settings, and names the folder
// of the project to the gateway.
async function redirect(event, folder) {
  const { request } = event
  const it = await proven().catch((e) => {
    throw new Error(`ocgo-key: ${e.message}`)
  })
  const body = request.body ? await request.arrayBuffer() : undefined
  const headers = entitled(request.headers, it.token)
  if (folder) headers.set("x-ocgo-key-folder", encodeURIComponent(folder)) // a .ocgo-key there chooses the account
  event.request = new Request(aim(request.url, it.base_url), { method: request.method, headers, body, signal: request.signal })
}

// offer adds our methods to `/connect`, and removes OpenCode's method, which would store a key in
// OpenCode's database.
function offer(integrations) {
  if (!integrations.get(PROVIDER)) return
  for (const method of integrations.method.list(PROVIDER)) if (method.type === "key") integrations.method.remove(PROVIDER, method)
  const add = (id, label, authorize, form) => integrations.method.update({ integrationID: PROVIDER, method: { id, type: "oauth", label, form }, label: () => "ocgo-key", authorize })
  add("ocgo-key-add", "Add Go account", async (answer) => ({
    mode: "code",
    url: "https://opencode.ai/auth",
    instructions: "Paste the account's key. It goes into the keychain, and not into OpenCode.",
    callback: async (key) => {
      const { ok, text } = await addAccount(answer?.label, key)
      publish(text, ok ? "success" : "error") // the full screen shows no details of an error
      if (!ok) throw new Error(text)
      return { type: "oauth", methodID: "ocgo-key-add", access: PLACEHOLDER, refresh: PLACEHOLDER, expires: 253402300799000 } // OpenCode wants to store something
    },
  }), [{ key: "label", type: "string", title: "What to call the account (may be empty)", placeholder: "Work", pattern: "^(?!\\s*([sS][kK]-|[oO][cC]_[sS][kK]_))(?!.*\\S{32})" }])
  const panel = (id, label, text) => add(id, label, async () => ({
    mode: "code",
    url: "https://opencode.ai/auth",
    instructions: await text(),
    callback: async () => {
      publish("There is nothing to enter here: Esc goes back.", "info")
      throw new Error("nothing to enter here") // nothing is stored
    },
  }))
  panel("ocgo-key-manage", "Manage accounts", async () => COMMANDS)
  panel("ocgo-key-status", "Account status", status)
}

export default { id: "ocgo-key", setup, server }
