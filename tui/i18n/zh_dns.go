package i18n

// zhDNS are the texts of what is held ready for a switch, and of commands for a person.
func zhDNS() map[string]string {
	return map[string]string{
		"Type read to read every zone now, write to also try a write; an empty line goes back.": "输入 read 立即读取所有区域, 输入 write 同时试写; 空行返回。",
		"Held ready": "预备情况", "foot|ready?": "预备", "foot|read now": "立即读取", "foot|try a write ...": "试写 ...",
		"what a switch would be made from, how old it is, and whether writes go through": "切换所依据的读数、它有多旧、写入是否畅通",
		"Read every zone now": "立即读取所有区域", "so that a switch is one request for each zone": "使每个区域的切换只需一次请求",
		"Try the way of a write": "试走写入通路", "writes one record set of each zone as it is: credential, rights and path": "把每个区域的一组记录原样写回: 验证凭据、权限与通路",
		"Write one record set of each zone as it is?": "把每个区域的一组记录原样写回?", "Nothing changes for users. It proves that credential, rights and path would carry a switch.": "对用户没有任何变化, 可证明凭据、权限与通路足以完成切换。",
		"It counts as a request at each provider.": "会计入各服务商的请求次数。", "write": "写入", "Looking at what is held ready ...": "正在查看预备情况 ...",
		"Every zone was read.": "所有区域已读取。", "Every zone was read, and one record set of each was written as it is.": "所有区域已读取, 并各原样写回一组记录。",
		"Way back": "回退", "a failover to %s could be taken back: %d record sets get their exact former values": "切换到 %s 后可以回退: %d 组记录恢复原值",
		"a failover to %s could not be taken back: %s": "切换到 %s 后无法回退: %s", "%s at %s": "%s @ %s", "(a further provider)": "(另一服务商)",
		"not read: %s": "未能读取: %s", "read first, then written: %s": "先读后写: %s", "a switch of now is made from the reading of %s ago: %d names, %d record sets": "此刻切换依据 %s 前的读数: %d 个域名, %d 组记录",
		"its servers show otherwise: %s": "其服务器的应答不同: %s", "%d more differ": "另有 %d 组不同", "not as at the first provider: %s": "与首个服务商不一致: %s",
		"this provider has no write that changes nothing": "该服务商没有不改变内容的写入", "no write was tried yet": "尚未试写", "a write went through %s ago: %s": "%s 前试写成功: %s", "a write failed %s ago: %s": "%s 前试写失败: %s",
		"Commands for a person": "手工执行的命令", "foot|by hand": "手工", "By hand: %s": "手工执行: %s",
		"the same changes as curl commands and nsupdate input, there and back, for the day the provider's API is away from here": "同样的变更, 以 curl 命令和 nsupdate 输入给出, 含去程与回程; 供本机连不上服务商 API 时使用",
		"Write the commands into files": "把命令写入文件", "foot|write files": "写入文件", "There is nothing to write down.": "没有可写的内容。",
		"one file for each zone, way and form, readable for you only; no secret is in them": "每个区域、方向和形式各一个文件, 仅本人可读; 其中没有密钥",
		"There or back": "去程或回程", "foot|there/back": "去程/回程", "the commands of the way back, too": "也给出回程的命令", "Written: %s": "已写入: %s",
		"way there": "去程", "way back, once the way there is made": "回程 (去程完成之后)", "The plan changes no record.": "该方案不改动任何记录。",
		"No commands: %s": "没有命令: %s", "shell commands for %s": "用于 %s 的 shell 命令", "input for nsupdate": "nsupdate 输入", "by hand at %s": "在 %s 手工设置",
	}
}
