/** Words of lobby and room. */
export default {
  title: '会议室',
}
