/** Names of things: domain.md §4. */
export default {
  type: {
    general_meeting: '支部党员大会',
    committee_meeting: '支部委员会会议',
    group_meeting: '党小组会',
    party_lesson: '党课',
    theme_day: '主题党日',
    org_life_meeting: '组织生活会',
    member_appraisal: '民主评议党员',
  },
  state: {
    scheduled: '未开始',
    live: '正在开会',
    interrupted: '意外中断',
    ended: '已结束',
    cancelled: '已取消',
  },
  role: { host: '主持人', recorder: '记录人', lecturer: '主讲人', member: '参会', observer: '列席' },
  status: { full: '正式党员', probationary: '预备党员', activist: '入党积极分子', mass: '群众' },
  ordinal: '第 {n} 次{type}',
  expected: '应到 {n} 人',
  signed_in: '已签到 {n} 人',
  expected_present: '应到 {expected} · 实到 {present}',
  host: '主持 {name}',
  lecturer: '主讲 {name}',
}
