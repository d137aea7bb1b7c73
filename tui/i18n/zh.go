package i18n

func chinese() map[string]string { return map[string]string{} }
