package i18n

// zhDNS are the texts of what is held ready for a switch, and of commands for a person.
func zhDNS() map[string]string {
	return map[string]string{
		"Commands for a person": "手工执行的命令", "foot|by hand": "手工", "By hand: %s": "手工执行: %s",
		"the same changes as curl commands and nsupdate input, there and back, for the day the provider's API is away from here": "同样的变更, 以 curl 命令和 nsupdate 输入给出, 含去程与回程; 供本机连不上服务商 API 时使用",
		"Write the commands into files": "把命令写入文件", "foot|write files": "写入文件", "There is nothing to write down.": "没有可写的内容。",
		"one file for each zone, way and form, readable for you only; no secret is in them": "每个区域、方向和形式各一个文件, 仅本人可读; 其中没有密钥",
		"There or back": "去程或回程", "foot|there/back": "去程/回程", "the commands of the way back, too": "也给出回程的命令", "Written: %s": "已写入: %s",
		"way there": "去程", "way back, once the way there is made": "回程 (去程完成之后)", "The plan changes no record.": "该方案不改动任何记录。",
		"No commands: %s": "没有命令: %s", "shell commands for %s": "用于 %s 的 shell 命令", "input for nsupdate": "nsupdate 输入", "by hand at %s": "在 %s 手工设置",
	}
}
