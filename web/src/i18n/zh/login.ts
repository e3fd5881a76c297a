export default {
  title: '登录',
  lead: '视频会议、党课与会议记录',
  account: '账号',
  password: '密码',
  submit: '登录',
  caps: '大写锁定已打开',
  forgot: '忘记密码？请联系本支部书记或管理员。',
  tries_left: '账号或密码不对，还可以试 {count} 次。',
  throttled: '输错次数太多，请 {wait}后再试。',
  notice: '本系统记录参会、签到和发言，用于会议记录；不采集人脸和位置。',
  account_needed: '请填写账号',
  password_needed: '请填写密码',
}
