package keychain

const securityPath = "/usr/bin/security"

func system() platform { return securityPlatform(securityPath) }

func systemBackend() backend { return &securityTool{securityPath} }
